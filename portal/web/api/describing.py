"""The OpenAPI document, made from the routes and the schemas that serve them."""

import json
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Response
from marshmallow import Schema

from portal.web.api import shapes, views
from portal.web.api.endpoint import JSON_TYPE, Operation, blueprint, operations, respond
from portal.web.api.examples import ANSWERS
from portal.web.api.fields import Either, OneOrMore, properties
from portal.web.api.idempotency import HEADER, KEY_LENGTH_MAX, KEY_PATTERN
from portal.web.api.schemas import Nothing
from portal.web.api.snippets import request
from portal.web.policy import allow, anyone

PROBLEM_TYPE = "application/problem+json"
_READ_REFUSALS = (400, 401, 403, 404, 422, 429, 503)
_WRITE_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


def name_of(schema: type[Schema] | Schema) -> str:
    """What a schema is called in the document."""
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Shape")


@cache
def document() -> dict[str, Any]:
    """The whole description, as OpenAPI 3.1."""
    assert views.__all__
    marshmallow = MarshmallowPlugin(schema_name_resolver=name_of)
    spec = APISpec(
        title="Loyalty portal",
        version="1",
        openapi_version="3.1.0",
        plugins=[marshmallow],
        info={
            "description": "Accounts, balances and redemptions for tills and web shops. "
            "Amounts are whole numbers of the smallest unit; times are RFC 3339."
        },
        servers=[{"url": "/"}],
        tags=[{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        security=[{"key": []}],
    )
    converter: Any = marshmallow.converter
    converter.add_attribute_function(properties)
    converter.add_attribute_function(_either)
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    spec.components.schema("Problem", schema=shapes.Problem)
    spec.components.response(
        "Problem",
        {
            "description": "A refusal, with its name and what helps.",
            "content": {PROBLEM_TYPE: {"schema": shapes.Problem}},
        },
    )
    for operation in operations:
        path = "/api" + operation.path.replace("<", "{").replace(">", "}")
        spec.path(path=path, operations={operation.method.lower(): _operation(operation)})
    described: dict[str, Any] = spec.to_dict()
    _write_rules(described)
    _write_links(described)
    return described


def _operation(operation: Operation) -> dict[str, Any]:
    refusals = _WRITE_REFUSALS if operation.writes else _READ_REFUSALS
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": {
            str(int(operation.status)): _success(operation),
            **{str(status): "Problem" for status in refusals},
        },
    }
    scopes = " or ".join(f"`{scope}`" for scope in operation.scopes)
    described["description"] = f"{operation.description}\n\nScope: {scopes}.".strip()
    if operation.writes:
        described["requestBody"] = {
            "required": any(field.required for field in operation.fields.fields.values())
            or bool(getattr(operation.fields, "rules", None)),
            "content": {JSON_TYPE: _with_example(operation.fields, request(operation.name))},
        }
    return described


def _success(operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {
        "description": HTTPStatus(operation.status).phrase,
        "content": {JSON_TYPE: _with_example(operation.answer, ANSWERS.get(operation.name))},
    }
    if operation.keyed:
        success["headers"] = {
            "Idempotency-Hit": {
                "description": "`true` where this is the stored answer of an earlier request.",
                "schema": {"type": "string", "enum": ["true"]},
            }
        }
    return success


def _with_example(schema: Any, example: Any) -> dict[str, Any]:
    return {"schema": schema} | ({} if example is None else {"example": example})


def _parameters(operation: Operation) -> list[Any]:
    parameters: list[Any] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{pattern}$"},
        }
        for name, pattern in operation.path_ids.items()
    ]
    if operation.keyed:
        parameters.append(
            {
                "name": HEADER,
                "in": "header",
                "required": True,
                "description": "Of your own, new for each new request: the same key with the "
                "same body gives the same answer, however often it is sent.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": KEY_LENGTH_MAX,
                    "pattern": KEY_PATTERN,
                },
            }
        )
    elif not operation.writes and not isinstance(operation.fields, Nothing):
        parameters.append({"in": "query", "schema": operation.fields})
    return parameters


def _either(converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """An attribute function of apispec: an id or the object itself; one object or several."""
    if isinstance(field, OneOrMore):
        part = converter.resolve_nested_schema(field.described)
        several = {"type": "array", "items": part, "minItems": 1, "maxItems": field.most}
        return {"oneOf": [part, several]}
    if not isinstance(field, Either):
        return {}
    return {
        "oneOf": [
            properties(converter, field.by_id),
            converter.resolve_nested_schema(field.described),
        ]
    }


def _write_rules(described: Mapping[str, Any]) -> None:
    """Add to each body what its fields alone cannot say."""
    schemas = described["components"]["schemas"]
    seen: dict[str, Any] = {}
    for operation in operations:
        pending = [operation.fields]
        while pending:
            schema = pending.pop()
            seen[name_of(schema)] = getattr(schema, "rules", {})
            for of in schema.fields.values():
                field = getattr(of, "inner", of)
                inner = getattr(field, "described", None) or getattr(field, "schema", None)
                if isinstance(inner, Schema):
                    pending.append(inner)
    for name, rules in seen.items():
        if name in schemas:
            schemas[name].update(rules)


_LINKS: Mapping[str, Mapping[str, str]] = {
    "create_account": {
        "read_account": "$response.body#/id",
        "change_account": "$response.body#/id",
        "close_account": "$response.body#/id",
        "freeze_account": "$response.body#/id",
        "adjust_account": "$response.body#/id",
        "list_transactions": "$response.body#/id",
        "read_balances": "$response.body#/id",
        "read_customer": "$response.body#/customer",
    },
    "read_customer": {
        "list_customer_events": "$response.body#/id",
        "read_customer_balances": "$response.body#/id",
    },
    "close_account": {"reopen_account": "$response.body#/id"},
    "freeze_account": {"unfreeze_account": "$response.body#/id"},
    "create_household": {
        "read_household": "$response.body#/id",
        "change_household": "$response.body#/id",
        "close_household": "$response.body#/id",
    },
    "close_household": {"reopen_household": "$response.body#/id"},
    "check_transfer": {
        "read_transfer_request": "$response.body#/transfer_request",
        "resend_transfer_code": "$response.body#/transfer_request",
        "cancel_transfer_request": "$response.body#/transfer_request",
    },
    "create_voucher": {
        "read_voucher": "$response.body#/code",
        "use_voucher": "$response.body#/code",
        "cancel_voucher": "$response.body#/code",
        "read_reward": "$response.body#/reward",
    },
    "create_order": {
        "read_order": "$response.body#/id",
        "capture_order": "$response.body#/id",
        "void_order": "$response.body#/id",
        "refund_order": "$response.body#/id",
    },
    "capture_order": {"refund_order": "$response.body#/id"},
    "refund_order": {"read_order": "$response.body#/order"},
    "capture_redemption": {"reverse_redemption": "$response.body#/id"},
    "create_redemption": {
        "read_redemption": "$response.body#/id",
        "capture_redemption": "$response.body#/id",
        "void_redemption": "$response.body#/id",
        "reverse_redemption": "$response.body#/id",
    },
}
"""Where an answer leads: from an operation to others, with the id that both know."""

_VARIABLES: Mapping[str, str] = dict.fromkeys(
    ("read_voucher", "use_voucher", "cancel_voucher"), "code"
)
"""What the variable of such a path is called, where it is no id."""

_ORDER_OF: Mapping[str, Any] = {"value": 2000, "currency": "EUR"}
_BODY_LINKS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "create_account": {
        "adjust_account": {"points": 1000, "reason": "goodwill_credit"},
        "create_quote": {"account": "$response.body#/id", "order": _ORDER_OF},
        "create_order": {
            "id": "$response.body#/id",
            "account": "$response.body#/id",
            **_ORDER_OF,
        },
        "create_event": {
            "account": "$response.body#/id",
            "name": "birthday",
            "id": "$response.body#/id",
        },
        "create_household": {"name": "Dias", "primary": {"account": "$response.body#/id"}},
    },
    "create_household": {
        "check_transfer": {
            "from": {"customer": "$response.body#/members/0/customer"},
            "to": {"household": "$response.body#/id"},
            "points": 10,
            "issue_code": True,
        },
    },
    "adjust_account": {
        "create_voucher": {"account": "$response.body#/account", "reward": "mug"},
        "create_quote": {"account": "$response.body#/account", "order": _ORDER_OF},
        "create_redemption": {
            "account": "$response.body#/account",
            "points": 100,
            "capture": False,
        },
        "create_order": {
            "id": "$response.body#/id",
            "account": "$response.body#/account",
            "redeem": {"points": 100},
            **_ORDER_OF,
        },
    },
    "create_quote": {
        "create_order": {
            "id": "$response.body#/id",
            "account": "$response.body#/sources/0/account",
            "quote": "$response.body#/id",
            "redeem": {"points": 100},
            "capture": False,
            **_ORDER_OF,
        },
    },
    "create_order": {"refund_order": {"value": 500}},
    "capture_order": {"refund_order": {"value": 500}},
    "capture_redemption": {"reverse_redemption": {"points": 10}},
}
"""The bodies that such calls carry."""


def _write_links(described: Mapping[str, Any]) -> None:
    by_name = {
        item["operationId"]: item for path in described["paths"].values() for item in path.values()
    }
    for operation in operations:
        links: dict[str, Any] = {
            target: {
                "operationId": target,
                "parameters": {_VARIABLES.get(target, "id"): expression},
            }
            for target, expression in _LINKS.get(operation.name, {}).items()
        }
        for target, body in _BODY_LINKS.get(operation.name, {}).items():
            link = links.setdefault(target, {"operationId": target})
            link["requestBody"] = dict(body)
        if links:
            success = by_name[operation.name]["responses"][str(int(operation.status))]
            success["links"] = links


@cache
def _document_bytes() -> bytes:
    return json.dumps(document(), ensure_ascii=False, indent=1).encode()


@blueprint.get("/v1/openapi.json")
@allow(anyone)
def openapi() -> Response:
    """The description, for programs."""
    return respond(_document_bytes(), status=HTTPStatus.OK)
