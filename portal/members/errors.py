"""Refusals that are about people and what they are known by."""

from portal.errors import Conflict, InvalidInput, NotFound, PortalError


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
