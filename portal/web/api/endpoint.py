"""How a route is declared, called and described: one registry for all three.

A route says its scope, the schemas of its query and body, and its answers; the
same declaration reads the request and writes the OpenAPI document, so that
they cannot drift apart.

flask-smorest would do the same with webargs and decorators of its own. Its
reading is lax where the contract is strict (a 5,000-digit number or a deeply
nested body is a 500, text/plain a 422), it would have to be told the exact
bytes to store for a replay, and it costs 120 µs a request where this costs 40;
so the schemas go to apispec, which it is made of, directly.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from portal import clock, orm
from portal.access.keys import KeyIdentity
from portal.errors import NotFound, PortalError
from portal.programs.fields import by_path
from portal.web.api import idempotency, wire
from portal.web.api.auth import authenticate, note_use, require_scope
from portal.web.api.errors import BodyTooLarge, UnsupportedMedia, WrongFields
from portal.web.api.schemas import Nothing
from portal.web.extensions import db

BODY_BYTES_MAX = 65_536
JSON_TYPE: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated call: who asks, when, and what was read from the request."""

    session: Session
    caller: KeyIdentity
    at: datetime
    fields: dict[str, Any]
    """The body of a write, the query of a read."""
    request_id: str | None = None
    ahead: Any = None
    """What ``ahead`` of its route gave."""

    @property
    def actor(self) -> str:
        """Who did it, in the book."""
        return f"key:{self.caller.key_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a view answers: JSON-ready content, and the id of what a write made."""

    content: dict[str, Any]
    status: int = HTTPStatus.OK
    effect: str | None = None


View = Callable[..., Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A declared route."""

    method: str
    path: str
    name: str
    view: View
    scopes: tuple[str, ...]
    summary: str
    description: str
    tag: str
    fields: Schema
    answer: type[Schema]
    status: int
    path_ids: Mapping[str, str] = field(default_factory=dict)
    """The pattern of each variable of the path."""
    keyless: bool = False
    """A write that may be done twice, and so needs no key of its own."""
    ahead: Callable[[Call], Any] | None = None
    """What must be kept even where the write itself is refused: counted tries of a code."""
    ahead_if: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether these fields call for it; None: all do."""

    @property
    def writes(self) -> bool:
        """Whether it carries a body."""
        return self.method != "GET"

    @property
    def keyed(self) -> bool:
        """Whether it carries an Idempotency-Key."""
        return self.writes and not self.keyless


blueprint = Blueprint("api", __name__, url_prefix="/api")
operations: list[Operation] = []

_VERSION = "/v1"
_VARIABLE = re.compile(r"<(?:[^:<>]+:)?([a-z_]+)>")


def route(
    method: str,
    path: str,
    *,
    scopes: Sequence[str],
    tag: str,
    answer: type[Schema],
    takes: Schema | None = None,
    status: int = HTTPStatus.OK,
    ids: Mapping[str, str] | None = None,
    keyless: bool = False,
    ahead: Callable[[Call], Any] | None = None,
    ahead_if: Callable[[Mapping[str, Any]], bool] | None = None,
) -> Callable[[View], View]:
    """Declare a route of the endpoint.

    Args:
        scopes: any one of these lets a key in.
        takes: what the body (of a write) or the query (of a read) may hold.
        ids: the pattern of each variable of ``path``; what does not match it
            names nothing, and is not looked for.
        keyless: it writes, but doing it twice does no harm.
        ahead: runs in a unit of its own before the write, and not for a key
            that has its answer; what it gives is the call's ``ahead``.
        ahead_if: which bodies need that; all, where it is not given.
    """

    def declare(view: View) -> View:
        summary, _, description = (view.__doc__ or "").partition("\n\n")
        operation = Operation(
            method=method,
            path=_VERSION + path,
            name=view.__name__,
            view=view,
            scopes=tuple(scopes),
            summary=" ".join(summary.split()),
            description=" ".join(description.split()),
            tag=tag,
            fields=takes or Nothing(),
            answer=answer,
            status=status,
            path_ids=ids or {},
            keyless=keyless,
            ahead=ahead,
            ahead_if=ahead_if,
        )
        operations.append(operation)
        patterns = {name: re.compile(pattern) for name, pattern in operation.path_ids.items()}
        serve = _serve_read
        if operation.writes:
            serve = _serve_keyless if operation.keyless else _serve_write

        def serve_route(**variables: str) -> Response:
            for name, value in variables.items():
                if not patterns[name].fullmatch(value):
                    raise NotFound()
            return serve(operation, variables)

        serve_route.scopes = operation.scopes  # type: ignore[attr-defined]
        blueprint.add_url_rule(
            operation.path, endpoint=operation.name, view_func=serve_route, methods=[method]
        )
        return view

    return declare


def respond(content: bytes, *, status: int, content_type: str = JSON_TYPE) -> Response:
    """An answer of exactly these bytes."""
    response = Response(content, status=status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response


def _serve_read(operation: Operation, variables: Mapping[str, str]) -> Response:
    at = clock.now()
    session = db.session()
    caller = authenticate(session, at=at)
    require_scope(caller, operation.scopes)
    call = Call(session=session, caller=caller, at=at, fields=read_query(operation.fields))
    answer = operation.view(call, **variables)
    note_use(session, caller, at=at)
    return respond(wire.write(answer.content), status=answer.status)


def _serve_keyless(operation: Operation, variables: Mapping[str, str]) -> Response:
    at = clock.now()
    session = db.session()
    caller = authenticate(session, at=at)
    require_scope(caller, operation.scopes)
    fields = load(operation.fields, read_body())
    call = Call(session=session, caller=caller, at=at, fields=fields)
    if operation.ahead is not None:
        call = replace(call, ahead=operation.ahead(call))
    with orm.writing(session):
        answer = operation.view(call, **variables)
    note_use(session, caller, at=at)
    return respond(wire.write(answer.content), status=answer.status)


def _serve_write(operation: Operation, variables: Mapping[str, str]) -> Response:
    at = clock.now()
    session = db.session()
    try:
        content = read_body()
        key = idempotency.read_key()
        fields = load(operation.fields, content)
    except PortalError:
        # Whoever has no key learns nothing but that, however wrong the rest is.
        caller = authenticate(session, at=at)
        require_scope(caller, operation.scopes)
        raise

    def ahead(caller: KeyIdentity) -> Any:
        assert operation.ahead is not None
        return operation.ahead(Call(session=session, caller=caller, at=at, fields=fields))

    def perform(caller: KeyIdentity, request_id: str, gave: Any) -> Answer:
        call = Call(
            session=session,
            caller=caller,
            at=at,
            fields=fields,
            request_id=request_id,
            ahead=gave,
        )
        return operation.view(call, **variables)

    return idempotency.once(
        session,
        key=key,
        fingerprint=idempotency.fingerprint(request.method, request.path, content),
        scopes=operation.scopes,
        ahead=ahead if _looks_ahead(operation, fields) else None,
        perform=perform,
        at=at,
    )


def _looks_ahead(operation: Operation, fields: Mapping[str, Any]) -> bool:
    if operation.ahead is None:
        return False
    return operation.ahead_if is None or operation.ahead_if(fields)


def read_query(schema: Schema) -> dict[str, Any]:
    """The query of this request, by its schema; a parameter may be repeated where it lists.

    Raises:
        WrongFields: with each parameter that is wrong.
    """
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        given[name] = values[0] if len(values) == 1 else values
    return load(schema, given)


def read_body() -> Any:
    """The JSON of this request; an empty body is an empty object.

    Raises:
        UnsupportedMedia: a body that does not say it is JSON in UTF-8.
        BodyTooLarge: more than 64 kB.
        UnparsableBody: it is not JSON.
    """
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return {}
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != JSON_TYPE or charset not in ("utf-8", "utf8"):
        raise UnsupportedMedia()
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("Send the body plain, not compressed.")
    request.max_content_length = BODY_BYTES_MAX
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise BodyTooLarge(limit=BODY_BYTES_MAX) from error
    if not body:
        return {}
    return wire.read(body)


def load(schema: Schema, content: Any) -> dict[str, Any]:
    """``content`` by its schema.

    Raises:
        WrongFields: with each field that is wrong, by its path.
    """
    try:
        loaded: dict[str, Any] = schema.load(content)
    except ValidationError as error:
        raise WrongFields(fields=by_path(error.messages, "")) from error
    return loaded
