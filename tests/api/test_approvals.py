"""The member's consent at a till: asked for by a quote, given with a code (RULES, "Redeeming")."""

import json
import re

import pytest
from sqlalchemy import select

from portal.outbox.models import Message
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply

PHONE = {"type": "mobile", "value": "+351 912 345 678"}


@pytest.fixture
def asking(app, member):
    """The program asks for a code where the member was named by phone: RULES' own default."""
    with app.app_context():
        apply(CORNER | {"redemption": {"approval": "auto"}})


@pytest.fixture
def code(app):
    """The code that was sent last."""

    def read():
        with app.app_context():
            message = db.session.execute(
                select(Message.id, Message.content).order_by(Message.created_at.desc())
            ).first()
            db.session.remove()
        sealed = app.extensions["portal_cipher"].open(message.content, name=message.id)
        return re.search(r"\b\d{6}\b", json.loads(sealed)["body"])[0]

    return read


def quoted(till, **more):
    body = {"identifier": PHONE, "order": {"value": 2000, "currency": "EUR"}, **more}
    return till.post("/quotes", body, status=200)


def order(quote, number=1, **more):
    body = {"id": f"R-{number}", "value": 2000, "currency": "EUR", "identifier": PHONE}
    return {**body, "quote": quote["id"], "redeem": {"value": 300}, **more}


def redemption(quote, **more):
    return {"identifier": PHONE, "points": 300, "quote": quote["id"], **more}


def given(code):
    return {"approval": {"one_time_code": code}}


def balance(till, member):
    return till.get(f"/accounts/{member['id']}")["balance"]


def test_without_consent_nothing_is_redeemed(till, member, asking):
    quote = quoted(till)
    assert quote["approval"] == "one_time_code"
    for path, body in (("/orders", order(quote)), ("/redemptions", redemption(quote))):
        refusal = till.refuses(422, "approval_needed", "POST", path, body)
        assert (refusal["approval"], refusal["legacy_code"]) == ("one_time_code", 824)
    assert balance(till, member) == 1000


def test_a_card_in_hand_needs_no_code(till, member, asking):
    card = {"type": "card_number", "value": "C-1"}
    assert quoted(till, identifier=card)["approval"] == "none"
    till.post("/redemptions", {"identifier": card, "points": 300})


@pytest.mark.parametrize(("path", "body"), [("/orders", order), ("/redemptions", redemption)])
def test_the_right_code_approves_once(till, member, asking, code, path, body):
    quote = quoted(till, issue_code=True)
    assert quote["warnings"] == []
    sent = {**body(quote), **given(code())}
    first = till("POST", path, sent, key="k")
    assert first.status_code == 201, first.text
    assert balance(till, member) == 700
    # A till that got no answer asks again: the code, used up by then, is not looked at again.
    again = till("POST", path, sent, key="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Hit"] == "true"
    till.refuses(409, "quote_used", "POST", path, {**sent, "till": "9"} | _other(path))
    assert balance(till, member) == 700


def _other(path):
    return {"id": "R-9"} if path == "/orders" else {}


def test_a_wrong_code_counts_as_a_try_though_the_order_is_refused(till, member, asking, code):
    quote = quoted(till, issue_code=True)
    right = code()
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for number in range(4):
        refused = till("POST", "/orders", {**order(quote, number), **given(wrong)})
        refusal = till.check(refused, 422, "wrong_code")
        assert (refusal["tries_left"], refusal["legacy_code"]) == (4 - number, 808)
    till.refuses(422, "code_tries_used_up", "POST", "/orders", {**order(quote, 5), **given(wrong)})
    refused = till("POST", "/orders", {**order(quote, 6), **given(right)})
    assert refused.status_code == 422
    assert balance(till, member) == 1000


def test_a_refused_code_is_refused_the_same_way_with_its_key_and_costs_no_second_try(
    till, member, asking, code
):
    quote = quoted(till, issue_code=True)
    wrong = f"{(int(code()) + 1) % 1_000_000:06d}"
    sent = {**order(quote), **given(wrong)}
    first = till("POST", "/orders", sent, key="k")
    again = till("POST", "/orders", sent, key="k")
    assert first.json["tries_left"] == again.json["tries_left"] == 4
    assert again.headers["Idempotency-Hit"] == "true"


def test_a_code_of_another_quote_or_of_none_is_808(till, member, asking, code):
    quoted(till, issue_code=True)
    sent = code()
    other = quoted(till)
    refusal = till("POST", "/orders", {**order(other), **given(sent)}).json
    assert refusal["legacy_code"] == 808
    without = {**order(other), **given(sent)}
    del without["quote"]
    assert till.refuses(422, "wrong_approval", "POST", "/orders", without)["legacy_code"] == 808
    assert balance(till, member) == 1000


@pytest.mark.parametrize("nonsense", ["12345", "1234567", "abcdef", "١٢٣٤٥٦"])
def test_what_is_no_code_is_no_try(till, member, asking, code, nonsense):
    quote = quoted(till, issue_code=True)
    refused = till("POST", "/orders", {**order(quote), **given(nonsense)})
    assert refused.status_code == 422
    assert till("POST", "/orders", {**order(quote), **given(code())}).status_code == 201


def test_a_code_that_cannot_be_sent_is_a_warning(app, till, asking):
    made = till.post("/accounts", {"customer": {"email": "no-sms@example.com"}, "value": 500})
    email = {"type": "email", "value": "no-sms@example.com"}
    quote = quoted(till, identifier=email, issue_code=True)
    (warning,) = quote["warnings"]
    assert (warning["code"], warning["legacy_code"]) == ("code_not_sent", 876)
    assert quote["max_value"] == balance(till, made) == 500
