"""Freezing one's own accounts, at once and in all programs; and letting them go again.

Nothing leaves a frozen account; it still earns. Whoever has one sends and
approves nothing for a household either; its other members still do. Freezing
asks for nothing but a yes, for whoever needs it has no time; unfreezing asks
for a code. What the shop has frozen, only the shop lets go.
"""

from flask import Response, flash, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, ledger, orm
from portal.ledger import AccountStatus, AccountView
from portal.web import auth, htmx, rendering
from portal.web.extensions import db
from portal.web.locale import gettext as _
from portal.web.member import holdings, messages, prove, telling
from portal.web.member.blueprint import blueprint
from portal.web.policy import allow, member


@blueprint.get("/account/freeze")
@allow(member)
def freezing() -> Response:
    """Say what freezing does, and offer it; or, once it is done, how to undo it."""
    mine = _mine(db.session())
    chosen = holdings.choose()
    return rendering.page(
        "member/freeze.html",
        program=chosen.program if chosen else None,
        can_freeze=any(one.status == AccountStatus.ACTIVE for one in mine),
        own=any(frozen_by_member(one) for one in mine),
        by_shop=any(
            one.status == AccountStatus.FROZEN and not frozen_by_member(one) for one in mine
        ),
    )


@blueprint.post("/account/freeze")
@allow(member)
def freeze_accounts() -> BaseResponse:
    """Freeze all that is theirs, now."""
    who, at = auth.member(), clock.now()
    with orm.writing(db.session()) as session:
        active = [one for one in _mine(session) if one.status == AccountStatus.ACTIVE]
        for account in active:
            ledger.freeze(session, account_id=account.id, at=at, by="member")
        if active:
            telling.tell(
                session,
                customer_id=who.customer_id,
                text=messages.frozen(),
                purpose="frozen",
                at=at,
            )
    flash(_("Frozen. Nothing leaves your account until you unfreeze it."), "success")
    return htmx.go(url_for("member.freezing"))


@blueprint.post("/account/unfreeze")
@allow(member)
@prove.fresh
def unfreeze_accounts() -> BaseResponse:
    """Let go what they froze themselves."""
    who, at = auth.member(), clock.now()
    with orm.writing(db.session()) as session:
        frozen = [one for one in _mine(session) if frozen_by_member(one)]
        for account in frozen:
            ledger.unfreeze(session, account_id=account.id, at=at, by="member")
        if frozen:
            telling.tell(
                session,
                customer_id=who.customer_id,
                text=messages.unfrozen(),
                purpose="unfrozen",
                at=at,
            )
    if frozen:
        flash(_("Your account is free again."), "success")
    return htmx.go(url_for("member.freezing"))


def frozen_by_member(account: AccountView) -> bool:
    """Whether its holder froze it, and so may let it go."""
    return account.status == AccountStatus.FROZEN and account.frozen_by == "member"


def _mine(session: Session) -> list[AccountView]:
    return ledger.accounts_of(session, customer_id=auth.member().customer_id)
