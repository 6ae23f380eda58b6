"""Why something cannot be done, in a member's words: with names, numbers and what to do.

The services' own sentences are for tills and staff. Whatever is not named
here is said in the service's sentence, which is in the catalogue of texts.
"""

from datetime import datetime

from portal.codes import CodeMalformed, CodeRefused
from portal.errors import InvalidInput, PortalError, TooMany
from portal.ledger.errors import AccountFrozen, HoldsOpen, InsufficientPoints, InvalidPoints
from portal.members import errors as of_members
from portal.programs import Program
from portal.transfers import errors as of_transfers
from portal.web.formatting import moment, points
from portal.web.locale import gettext as _
from portal.web.locale import ngettext
from portal.web.member.code import refusal as of_code
from portal.web.member.sign_in import wait_sentence


def sentence(error: PortalError, program: Program | None = None) -> str:
    """What to tell a member.

    Args:
        program: whose points it is about, for its amounts.
    """
    match error:
        case CodeMalformed() | CodeRefused():
            return of_code(error)
        case of_transfers.TooManyLookUps():
            return looked_too_often(error)
        case TooMany():
            return wait_sentence(error)
        case _ if program is not None and (told := _of_amount(error, program)):
            return told
        case _:
            return _of_household(error) or _(error.detail)


def _of_amount(error: PortalError, program: Program) -> str | None:
    limit = points(int(error.facts.get("limit") or 0), program)
    left = points(max(int(error.facts.get("available") or 0), 0), program)
    match error:
        case of_transfers.TransfersOff():
            return _("%(unit)s of %(program)s cannot be sent.", **_named(program))
        case of_transfers.NotAWholeUnit():
            return _whole(program)
        case InvalidPoints():
            return _("Type how much to send, more than zero.")
        case of_transfers.TransferBelowMinimum():
            return _("Send at least %(limit)s at a time.", limit=limit)
        case of_transfers.TransferAboveMaximum():
            return _("Send at most %(limit)s at a time.", limit=limit)
        case of_transfers.TransferNotAMultiple():
            return _("Send a multiple of %(limit)s.", limit=limit)
        case of_transfers.TransferAboveDay():
            return _(
                "You can send at most %(limit)s a day. %(left)s are left for today.",
                limit=limit,
                left=left,
            )
        case of_transfers.TransferAboveMonth():
            return _(
                "You can send at most %(limit)s a month. %(left)s are left for this month.",
                limit=limit,
                left=left,
            )
        case InsufficientPoints():
            return _("You can send at most %(left)s: there is no more.", left=left)
        case of_transfers.ContactChanged():
            until = datetime.fromisoformat(str(error.facts["until"]))
            return _(
                "Your phone or e-mail was changed lately. To keep your %(unit)s safe, "
                "you can send again from %(time)s.",
                unit=program.unit.other,
                time=moment(until, program),
            )
        case of_transfers.SenderFrozen() | AccountFrozen():
            return _("This account is frozen. Unfreeze it before you send from it.")
        case _:
            return None


def _named(program: Program) -> dict[str, str]:
    unit = program.unit.other
    return {"unit": unit[:1].upper() + unit[1:], "program": program.name}


def _whole(program: Program) -> str:
    if not program.decimals:
        return _("%(unit)s cannot be divided. Type a whole number.", **_named(program))
    return ngettext(
        "Type %(num)d digit after the decimal point at most.",
        "Type %(num)d digits after the decimal point at most.",
        program.decimals,
    )


def _of_household(error: PortalError) -> str | None:
    match error:
        case of_members.AlreadyInHousehold():
            if error.facts.get("status") == "invited":
                return _("They are invited already, and have not answered yet.")
            return _("They are in this household already.")
        case of_members.HouseholdFull():
            return _(
                "A household can have %(limit)s people, invitations included. "
                "Take someone out first.",
                limit=error.facts.get("limit"),
            )
        case of_members.HouseholdNotEmpty() if error.facts.get("held"):
            return _("It has an open voucher. Use it, or cancel it, then close it.")
        case of_members.HouseholdNotEmpty():
            return _("There is still something in it. Send it to someone first, then close it.")
        case of_members.HouseholdSenderFrozen():
            return _("Your own account is frozen. Unfreeze it before you send for a household.")
        case HoldsOpen():
            return _("A purchase is not paid yet. Try again when that is settled.")
        case _:
            return None


def looked_too_often(error: TooMany) -> str:
    """How long to wait before somebody else can be looked for."""
    minutes = -(-int(error.facts.get("retry_after_seconds", 60)) // 60)
    return ngettext(
        "You looked for many people. Try again in %(num)d minute.",
        "You looked for many people. Try again in %(num)d minutes.",
        minutes,
    )


def fields(error: InvalidInput) -> dict[str, list[str]]:
    """What is wrong about each field, in the language of the page."""
    return {name: [_(one) for one in said] for name, said in error.fields.items()}
