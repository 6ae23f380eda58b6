"""The member's card: a number to scan, and a code that changes and proves who shows it.

The changing codes come ahead, for ten minutes. The page shows the right one by
the time since it came, so that neither a wrong clock nor a lost network hurts,
and asks for more before they run out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, flash, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, members, orm
from portal.access import member_codes
from portal.access.member_codes import MemberCode
from portal.ledger import AccountView
from portal.web import auth, htmx, rendering
from portal.web.extensions import db
from portal.web.member import drawing, holdings, wording
from portal.web.member.blueprint import blueprint
from portal.web.member.wording import gettext as _
from portal.web.policy import allow, member
from portal.web.settings import pepper

STEPS = 20
"""How many codes come at once: ten minutes of them."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Card:
    """The card: its number as it is printed, and what scanners read."""

    number: str
    spoken: str
    name: str
    qr: Markup
    bars: Markup | None
    """None where a barcode cannot say it."""


@dataclass(frozen=True, slots=True)
class ShownCode:
    """One of the changing codes. ``until_ms``: when it stops to show, counted from the answer."""

    code: str
    spoken: str
    until_ms: int
    qr: Markup


@blueprint.get("/card")
@allow(member)
def card() -> Response:
    """What the till scans: the changing code, and under it the number of the card."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    session = db.session()
    customer = members.customer(session, auth.member().customer_id)
    codes, at = _codes()
    ends = codes[0].shown_until
    return rendering.page(
        "member/card.html",
        "member/_codes.html",
        program=chosen.program,
        card=drawn(
            customer.first("card_number"),
            chosen.account,
            " ".join(filter(None, (customer.first_name, customer.last_name))),
        ),
        codes=[_shown(one, at) for one in codes],
        ends=wording.clock_time(chosen.program, ends, seconds=True),
        ends_in=max(1, -((at - ends) // _SECOND)),
    )


@blueprint.post("/card/renew")
@allow(member)
def renew_card() -> BaseResponse:
    """End every changing code there is: a phone was lost, or a code was photographed."""
    customer_id = auth.member().customer_id
    with orm.writing(db.session()) as unit:
        member_codes.renew(unit, customer_id=customer_id, at=clock.now())
    flash(
        _("Your code is a new one. What an old phone or a picture shows is worth nothing."),
        "success",
    )
    return htmx.go(url_for("member.account"))


def drawn(card_number: str | None, account: AccountView, name: str) -> Card:
    """The card; who has no card number shows the account's own."""
    number = card_number or account.external_id or account.id
    return Card(
        number=number,
        spoken=" ".join(number[start : start + 4] for start in range(0, len(number), 4))
        if number.isdigit()
        else number,
        name=name,
        qr=drawing.qr(number, _("Your card number: %(number)s", number=number)),
        bars=drawing.barcode(number) if drawing.can_be_bars(number) else None,
    )


def _codes() -> tuple[tuple[MemberCode, ...], datetime]:
    """The present code and those that follow, and the time at which they were asked for."""
    session, customer_id = db.session(), auth.member().customer_id
    for _attempt in range(2):
        at = clock.now()
        found = member_codes.upcoming(
            session, customer_id=customer_id, at=at, pepper=pepper(), steps=STEPS
        )
        if found is not None:
            return found.codes, found.at
        with orm.writing(session) as unit:
            member_codes.begin(unit, customer_id=customer_id, at=at)
    raise RuntimeError("a member who was given codes has none")  # pragma: no cover


def _shown(code: MemberCode, at: datetime) -> ShownCode:
    return ShownCode(
        code=code.code,
        spoken=code.spoken,
        until_ms=(code.shown_until - at) // timedelta(milliseconds=1),
        qr=drawing.qr(code.code, _("Your code for the till: %(code)s", code=code.spoken)),
    )
