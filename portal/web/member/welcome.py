"""The first page: a member's home, or what there is to join."""

from flask import redirect, render_template
from flask_login import current_user
from werkzeug.wrappers import Response

from portal import programs
from portal.programs import Program
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
    joinable = [program for program in programs.find_all(db.session()) if program.self_enrol]
    return render_template("member/welcome.html", joinable=joinable, program=only_program())


def only_program() -> Program | None:
    """The one program there is, whose colours pages wear that belong to none; None for several."""
    found = programs.find_all(db.session())
    return found[0] if len(found) == 1 else None
