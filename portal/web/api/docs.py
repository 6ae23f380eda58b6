"""``/api/docs``: the OpenAPI document as a page, without a script of anyone's."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import render_template, request

from portal.access.keys import Scope
from portal.errors import PortalError
from portal.web.api import describing, examples, snippets, walk
from portal.web.api.endpoint import JSON_TYPE, blueprint, operations
from portal.web.errors import status_of
from portal.web.policy import allow, anyone

SCOPES: Mapping[Scope, str] = {
    Scope.READ: "Read programs, accounts, customers, redemptions and rewards, and vouchers without "
    "their codes.",
    Scope.ENROL: "Enrol members, and attach customers to accounts.",
    Scope.REDEEM: "Spend points, hold them, capture and void.",
    Scope.EARN: "Record orders that earn.",
    Scope.REVERSE: "Give redeemed points back, and refund.",
    Scope.ADJUST: "Give and take points by hand.",
    Scope.TRANSFER: "Send points between members and households.",
    Scope.VOUCHER: "Issue, use and cancel vouchers.",
    Scope.MANAGE: "Close, reopen, freeze and merge accounts, households, fraud status.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A field of a body, an answer or a query."""

    name: str
    kind: str
    required: bool
    description: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """An operation, laid out for reading."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: tuple[str, ...]
    parameters: tuple[Row, ...]
    body: tuple[Row, ...]
    status: int
    answer: str
    curl: str
    python: str
    example: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stable name of something refused."""

    code: str
    status: int
    legacy_code: int | None
    sentence: str


@blueprint.get("/docs")
@allow(anyone)
def docs() -> str:
    """The description, for people."""
    document = describing.document()
    host = request.url_root.rstrip("/")
    return render_template(
        "api/docs.html",
        groups=_groups(),
        shapes=[
            (name, schema.get("description", ""), tuple(_rows(schema)))
            for name, schema in sorted(document["components"]["schemas"].items())
        ],
        scopes=SCOPES,
        refusals=_refusals(),
        host=host,
        steps=walk.steps(host),
    )


def _groups() -> dict[str, list[Shown]]:
    document = describing.document()
    groups: dict[str, list[Shown]] = {}
    for operation in operations:
        path = "/api" + operation.path.replace("<", "{").replace(">", "}")
        described = document["paths"][path][operation.method.lower()]
        real = operation.path.removeprefix("/v1").replace(
            f"<{next(iter(operation.path_ids), '')}>", examples.PATHS[operation.tag]
        )
        real = real.replace("<customer>", "$CUSTOMER")
        shown = (operation.method, real, operation.name)
        groups.setdefault(operation.tag, []).append(
            Shown(
                id=operation.name,
                method=operation.method,
                path=path,
                summary=operation.summary,
                paragraphs=tuple(described["description"].split("\n\n")),
                parameters=tuple(
                    Row(
                        name=parameter["name"],
                        kind=_kind(parameter["schema"]),
                        required=parameter["required"],
                        description=parameter.get("description", ""),
                        href=None,
                    )
                    for parameter in described["parameters"]
                ),
                body=tuple(_rows(_body(document, described))),
                status=int(operation.status),
                answer=describing.name_of(operation.answer),
                curl=snippets.curl(*shown, keyed=operation.keyed),
                python=snippets.python(*shown, keyed=operation.keyed),
                example=json.dumps(examples.ANSWERS[operation.name], ensure_ascii=False, indent=2),
            )
        )
    return groups


def _body(document: Mapping[str, Any], described: Mapping[str, Any]) -> Mapping[str, Any]:
    if "requestBody" not in described:
        return {}
    schema = described["requestBody"]["content"][JSON_TYPE]["schema"]
    return _resolved(document, schema)


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = document["components"]["schemas"][name] if name else schema
    return found


def _rows(schema: Mapping[str, Any]) -> Iterator[Row]:
    for name, field in schema.get("properties", {}).items():
        href = next((ref for ref in _references(field)), None)
        yield Row(
            name=name,
            kind=_kind(field),
            required=name in schema.get("required", ()),
            description=field.get("description", ""),
            href=f"#shape-{href}" if href else None,
        )


def _references(field: Any) -> Iterator[str]:
    if isinstance(field, Mapping):
        if "$ref" in field:
            yield field["$ref"].rpartition("/")[2]
        for inner in field.values():
            yield from _references(inner)
    elif isinstance(field, list):
        for inner in field:
            yield from _references(inner)


def _kind(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    for choice in ("oneOf", "anyOf"):
        if choice in field:
            return " or ".join(_kind(one) for one in field[choice])
    if "enum" in field:
        return " | ".join(str(word) for word in field["enum"] if word is not None)
    types = field.get("type", "any")
    named = [types] if isinstance(types, str) else list(types)
    words = [_word(one, field) for one in named]
    return " or ".join(words)


def _word(kind: str, field: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"list of {_kind(field.get('items', {}))}"
    if kind == "string" and "format" in field:
        return {"date-time": "time", "date": "day"}.get(field["format"], "text")
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind)


@cache
def _refusals() -> tuple[Refusal, ...]:
    """Every refusal there is, by name: whoever adds an error class has documented it."""
    found = {
        error.code: Refusal(error.code, status_of(error()), error.legacy_code, error.sentence)
        for error in _subclasses(PortalError)
    }
    return tuple(found[code] for code in sorted(found))


def _subclasses(kind: type[PortalError]) -> Iterable[type[PortalError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _subclasses(inner)
