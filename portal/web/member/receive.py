"""A member's own QR to receive points by, and whether others can find them at all."""

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, members, orm
from portal.members import display
from portal.web import auth, htmx, rendering
from portal.web.extensions import db
from portal.web.locale import gettext as _
from portal.web.member import drawing, holdings, recipients
from portal.web.member.blueprint import blueprint
from portal.web.policy import allow, member
from portal.web.settings import settings


@blueprint.get("/receive")
@allow(member)
def receive() -> Response:
    """Show the QR, which opens the page to send with its owner filled in."""
    chosen = holdings.choose()
    if chosen is None:
        return rendering.page("member/no_account.html")
    customer = members.customer(db.session(), auth.member().customer_id)
    token = recipients.token(chosen.account.id, at=clock.now())
    path = url_for("member.send", to=token)
    root = (settings().base_url or request.host_url).rstrip("/")
    return rendering.page(
        "member/receive.html",
        program=chosen.program,
        holdings=chosen.places,
        seen_as=display.display(customer),
        address=root + path,
        drawn=drawing.qr(
            root + path, _("Your code to receive %(unit)s", unit=chosen.program.unit.other)
        ),
    )


@blueprint.post("/account/findable")
@allow(member)
def choose_findable() -> BaseResponse:
    """Let others find them by phone, e-mail or card, or no longer."""
    findable = request.form.get("findable") == "yes"
    with orm.writing(db.session()) as session:
        members.set_findable(
            session, customer_id=auth.member().customer_id, findable=findable, at=clock.now()
        )
    if findable:
        flash(_("Others can find you now by your phone number, e-mail or card."), "success")
    else:
        flash(_("Nobody finds you any more. Your QR code still works."), "success")
    return htmx.go(url_for("member.account"))
