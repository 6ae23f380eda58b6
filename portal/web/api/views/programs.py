"""Programs, as their files say them."""

from typing import Any

from portal import programs
from portal.web.api import shapes
from portal.web.api.endpoint import Answer, Call, route

PROGRAM_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}"


@route("GET", "/programs", scopes=["read"], tag="Programs", answer=shapes.ProgramList)
def list_programs(call: Call) -> Answer:
    """List the programs."""
    shown: list[dict[str, Any]] = [
        programs.document(call.session, program.id) for program in programs.find_all(call.session)
    ]
    return Answer(content={"data": shown, "next_cursor": None})


@route(
    "GET",
    "/programs/<id>",
    scopes=["read"],
    tag="Programs",
    answer=shapes.ProgramShape,
    ids={"id": PROGRAM_ID},
)
def read_program(call: Call, id: str) -> Answer:
    """Read a program, as its file says it."""
    return Answer(content=programs.document(call.session, id))
