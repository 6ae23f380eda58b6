"""``/api/docs``: the OpenAPI document as a page, without a script of anyone's."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import render_template, request

from portal.access.keys import Scope
from portal.errors import PortalError
from portal.web.api import describing
from portal.web.api.endpoint import JSON_TYPE, blueprint, operations
from portal.web.errors import status_of
from portal.web.policy import allow, anyone

SCOPES: Mapping[Scope, str] = {
    Scope.READ: "Read programs, accounts, customers and redemptions.",
    Scope.ENROL: "Enrol members, and attach customers to accounts.",
    Scope.REDEEM: "Spend points, hold them, capture and void.",
    Scope.EARN: "Record orders that earn.",
    Scope.REVERSE: "Give redeemed points back, and refund.",
    Scope.ADJUST: "Give and take points by hand.",
    Scope.TRANSFER: "Send points between members.",
    Scope.VOUCHER: "Issue and use vouchers.",
    Scope.MANAGE: "Close, reopen and merge accounts.",
}

_EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "create_account": {
        "customer": {"mobile": "+351 912 345 678", "first_name": "Ana", "last_name": "Dias"},
        "value": 500,
    },
    "change_account": {"metadata": {"favourite": "espresso"}},
    "merge_account": {"into": "loy_06gz4v7k2m9qr8t3wx5y"},
    "adjust_account": {"points": 250, "reason": "goodwill_credit"},
    "create_redemption": {
        "identifier": {"type": "card_number", "value": "2000 0123 4567"},
        "points": 300,
        "order": {"id": "R-2041", "value": 1250, "currency": "EUR"},
        "store": "lisbon-1",
        "till": "2",
    },
    "reverse_redemption": {"points": 100},
}
_QUERIES: Mapping[str, str] = {
    "list_accounts": "?identifier_type=mobile&identifier_value=%2B351912345678",
    "list_transactions": "?type=earn&from=2026-01-01T00:00:00Z&limit=50",
    "read_balances": "?at=2026-01-01T00:00:00Z",
    "read_customer_balances": "?at=2026-01-01T00:00:00Z",
}
_IDS = {
    "Programs": "corner",
    "Accounts": "loy_06gz4v6w1n8pq7s2vx4z",
    "Customers": "cus_06gz4v6w0m7np6r1tw3y",
    "Redemptions": "red_06gz4v8x3p0rs9t4wy6z",
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
    return render_template(
        "api/docs.html",
        groups=_groups(request.url_root.rstrip("/")),
        shapes=[
            (name, schema.get("description", ""), tuple(_rows(schema)))
            for name, schema in sorted(document["components"]["schemas"].items())
        ],
        scopes=SCOPES,
        refusals=_refusals(),
        host=request.url_root.rstrip("/"),
    )


def _groups(host: str) -> dict[str, list[Shown]]:
    document = describing.document()
    groups: dict[str, list[Shown]] = {}
    for operation in operations:
        path = "/api" + operation.path.replace("<", "{").replace(">", "}")
        described = document["paths"][path][operation.method.lower()]
        real = path.replace("{id}", _IDS[operation.tag]) + _QUERIES.get(operation.name, "")
        body = _EXAMPLES.get(operation.name)
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
                curl=_curl(operation.method, host + real, body),
                python=_python(operation.method, host + real, body),
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


def _curl(method: str, address: str, body: Any) -> str:
    lines = [f"curl -X {method} '{address}'", '  -H "Authorization: Bearer $KEY"']
    if method != "GET":
        lines.append('  -H "Idempotency-Key: $(uuidgen)"')
    if body is not None:
        lines.append("  -H 'Content-Type: application/json'")
        lines.append(f"  -d '{json.dumps(body)}'")
    return " \\\n".join(lines)


def _python(method: str, address: str, body: Any) -> str:
    headers = ['"Authorization": f"Bearer {key}"']
    if method != "GET":
        headers.append('"Idempotency-Key": str(uuid.uuid4())')
    arguments = [f'"{address}"', f"headers={{{', '.join(headers)}}}"]
    if body is not None:
        arguments.append(f"json={body!r}")
    inner = ",\n    ".join(arguments)
    return f"answer = httpx.{method.lower()}(\n    {inner},\n)"


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
