"""The first page: a member's home, or what there is to join."""

from flask import redirect, render_template
from flask_login import current_user
from werkzeug.wrappers import Response

from portal import programs
from portal.web.extensions import db
from portal.web.member.blueprint import blueprint
from portal.web.policy import allow, anyone

HOME = "/home"


@blueprint.get("/")
@allow(anyone)
def welcome() -> Response | str:
    """Members see what they have; everyone else what they could join."""
    if current_user.is_authenticated:
        return redirect(HOME)
    found = programs.find_all(db.session())
    joinable = [program for program in found if program.self_enrol]
    # With one program the page wears its colours.
    only = found[0] if len(found) == 1 else None
    return render_template("member/welcome.html", joinable=joinable, program=only)
