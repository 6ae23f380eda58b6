"""Refusals that are about people and what they are known by."""

from portal.errors import Conflict, Forbidden, InvalidInput, NotFound, PortalError


class InvalidIdentifier(InvalidInput):
    """Not a phone number, address, card number or whatever it was said to be."""

    code = "invalid_identifier"
    legacy_code = 802
    sentence = "This is not right. Check what was typed."


class AmbiguousIdentifier(Conflict):
    """Two sources know different people by the same value."""

    code = "ambiguous_identifier"
    sentence = "Several customers have this. Say which source_account it is from."


class IdentifierTaken(Conflict):
    """An identifier belongs to one customer; ``customer`` among the facts is who has it."""

    code = "identifier_taken"
    sentence = "This belongs to another customer already."


class InvalidCustomer(InvalidInput):
    """Something said about a person cannot be right."""

    code = "invalid_customer"
    sentence = "Some of what was said about this person is not right."


class CustomerNotFound(NotFound):
    """Nobody is known by that."""

    code = "customer_not_found"
    legacy_code = 816
    sentence = "There is no such customer."


class CustomerMerged(Conflict):
    """The customer became part of another; ``customer`` among the facts is the survivor."""

    code = "customer_merged"
    legacy_code = 419
    sentence = "This customer was merged into another one. Use that one."


class NotEnrolled(NotFound):
    """A customer without an account in the program."""

    code = "not_enrolled"
    legacy_code = 881
    sentence = "This customer has not joined the program."


class SelfEnrolmentOff(PortalError):
    """The program is not one that people can join by themselves."""

    code = "self_enrolment_off"
    sentence = "This program cannot be joined here. Ask in a store."


class AutoEnrolmentOff(PortalError):
    """The program enrols nobody by itself."""

    code = "auto_enrolment_off"
    sentence = "This program enrols nobody automatically."


class TermsNotAccepted(InvalidInput):
    """A program with terms is joined by accepting them."""

    code = "terms_not_accepted"
    sentence = "Accept the terms to join."


class HouseholdNotFound(NotFound):
    """No household is known by that."""

    code = "household_not_found"
    legacy_code = 816
    sentence = "There is no such household."


class AmbiguousHousehold(Conflict):
    """Someone is the primary member of several households, and none of them is their default."""

    code = "ambiguous_household"
    sentence = "They head several households. Name one by its id or its external id."


class InvalidHousehold(InvalidInput):
    """Something said about a household cannot be right."""

    code = "invalid_household"
    sentence = "Some of what was said about this household is not right."


class HouseholdAlreadyExists(Conflict):
    """The external id is another household's; ``household`` among the facts is which."""

    code = "household_already_exists"
    sentence = "There is a household with this external id already."


class HouseholdClosed(Conflict):
    """Nothing changes in a closed household."""

    code = "household_closed"
    sentence = "This household was closed."


class HouseholdNotClosed(Conflict):
    """Only a closed household is opened again."""

    code = "household_not_closed"
    sentence = "This household is open."


class HouseholdNotEmpty(Conflict):
    """A household is closed when its accounts hold nothing; ``balance`` is what is left.

    ``held`` is what may come back to them from open vouchers.
    """

    code = "household_not_empty"
    sentence = "The household still has points. Send or spend them first."


class HouseholdFull(PortalError):
    """Members and invitations together; ``limit`` says how many there can be."""

    code = "household_full"
    sentence = "This household has as many members as it can have."


class NotInHousehold(Forbidden):
    """Only its active members do this."""

    code = "not_in_household"
    sentence = "Only members of this household can do this."


class NotHouseholdPrimary(Forbidden):
    """Only the primary member does this."""

    code = "not_household_primary"
    sentence = "Only the primary member of this household can do this."


class MayNotSend(Forbidden):
    """The primary member has not allowed them to send or redeem what the household holds."""

    code = "household_sending_not_allowed"
    sentence = "The primary member has not allowed you to use the household's points."


class HouseholdSenderFrozen(PortalError):
    """Whoever has a frozen account uses no household's points either."""

    code = "household_sender_frozen"
    sentence = (
        "An account of this member is frozen, so they cannot use the household's points either. "
        "Unfreeze it first."
    )


class HouseholdFraud(Forbidden):
    """Fraud was confirmed of a member who would change who has the say, or get it."""

    code = "household_fraud"
    sentence = "This cannot be changed by the members themselves. Ask the office."


class HouseholdContactChanged(PortalError):
    """The primary member's phone or e-mail was changed lately; ``until`` says when it is over."""

    code = "household_contact_changed_lately"
    sentence = "The phone or e-mail was changed lately. Change who may send a day after that."


class AlreadyInHousehold(Conflict):
    """``status`` says whether they are in it or only invited."""

    code = "already_in_household"
    sentence = "They are in this household, or invited to it, already."


class InvitationNotFound(NotFound):
    """Nobody has, or no longer has, an invitation to it."""

    code = "invitation_not_found"
    sentence = "There is no such invitation, or it was withdrawn."


class MemberNotActive(Conflict):
    """They are not in the household, or not yet."""

    code = "household_member_not_active"
    sentence = "They are not an active member of this household."


class PrimaryCannotLeave(Conflict):
    """A household always has a primary member."""

    code = "primary_cannot_leave"
    sentence = "Make someone else the primary member first, or close the household."
