"""The document is held against the endpoint by schemathesis, as its own engine does it:
every operation with good and bad input, each edge of each field, and calls in a row."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.engine import events, from_schema

from tests.api.conftest import CORNER, MUG, apply, apply_reward

DOCUMENT = "/api/v1/openapi.json"
EXAMPLES_SMALL = 3
EXAMPLES_FULL = 300


def document(address: str) -> dict[str, Any]:
    """The document, with links whose bodies are whole, as OpenAPI means them."""
    content = requests.get(address + DOCUMENT, timeout=30).json()
    for path in content["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                for link in response.get("links", {}).values():
                    link["x-schemathesis"] = {"merge_body": False}
    return content


def findings(address: str, key: str, *, examples: int) -> Iterator[str]:
    """Each check that failed, with a curl line that shows it."""
    config = schemathesis.Config.from_dict(
        {
            "headers": {"Authorization": f"Bearer {key}"},
            "continue-on-failure": True,
            "generation": {
                "max-examples": examples,
                "database": "none",
                "deterministic": examples == EXAMPLES_SMALL,
            },
            # Whole stories need more tries than single calls do.
            "phases": {"stateful": {"generation": {"max-examples": examples * 10}}},
            "checks": {
                # What breaks a rule of the program is 422 too, however well it is written.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "422"]
                }
            },
        }
    )
    api = schemathesis.openapi.from_dict(document(address), config=config)
    api.config.update(base_url=address)
    for event in from_schema(api).execute():
        match event:
            case events.ScenarioFinished():
                for checks in event.recorder.checks.values():
                    for check in checks:
                        if check.failure_info is not None:
                            info = check.failure_info
                            yield f"{event.recorder.label}: {info.failure}\n{info.code_sample}"
            case events.NonFatalError():
                yield f"{event.label}: {event.value}"
            case events.FatalError():
                yield str(event.exception)


@pytest.fixture
def shop(app, member):
    """A program in which orders earn."""
    with app.app_context():
        apply(
            CORNER
            | {
                "transfers": {"enabled": True},
                "earning": [
                    {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
                    {"id": "birthday", "kind": "event", "event": "birthday", "points": 75},
                ],
            }
        )
        apply_reward(MUG | {"price": 100, "stock": None})


@pytest.mark.heavy
def test_schemathesis_finds_nothing(fuzzed, till, shop, heavy):
    address, served = fuzzed
    found = list(findings(address, till.key, examples=EXAMPLES_FULL if heavy else EXAMPLES_SMALL))
    assert not found, "\n\n".join(found)
    assert served.calls > (5_000 if heavy else 500)
    assert {"create_order", "capture_order", "refund_order"} <= served.succeeded
    assert {"list_rewards", "create_voucher", "use_voucher"} <= served.succeeded
    if heavy:
        assert "void_order" in served.succeeded
