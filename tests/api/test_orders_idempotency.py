"""Same key, same answer (QUALITY A.5), for each write of the checkout."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from sqlalchemy import func, select, text

from portal import ledger, orm
from portal.clock import now
from portal.ledger.models import Request
from portal.orders.models import Order
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply

EARNING = [
    {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
    {"id": "birthday", "kind": "event", "event": "birthday", "points": 75},
]
WRITES = ["order", "capture", "void", "refund", "event"]


@pytest.fixture
def write(app, till, member):
    """Makes what one of WRITES needs; gives its path, body, and another body."""
    with app.app_context():
        apply(CORNER | {"earning": EARNING})

    def make(name, number=1):
        order = {"id": f"R-{number}", "value": 2000, "currency": "EUR", "account": member["id"]}
        order["redeem"] = {"points": 100}
        event = {"account": member["id"], "name": "birthday", "id": f"b-{number}"}
        if name == "order":
            return "/orders", order, {**order, "value": 2001}
        if name == "event":
            return "/events", event, {**event, "id": "b-9"}
        held = name in ("capture", "void")
        placed = till.post("/orders", {**order, "capture": not held})
        path = f"/orders/{placed['id']}/{'refunds' if name == 'refund' else name}"
        if name == "refund":
            return path, {"value": 500}, {"value": 501}
        return path, None, {"why": "x"}

    return make


def stands(till, member):
    account = till.get(f"/accounts/{member['id']}")
    return account["balance"], account["sequence"]


@pytest.mark.parametrize("name", WRITES)
def test_the_same_request_gives_the_same_bytes_and_is_done_once(till, member, write, name):
    path, body, _ = write(name)
    first = till("POST", path, body, key="k")
    assert first.status_code in (200, 201), first.text
    after = stands(till, member)
    again = till("POST", path, body, key="k")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert "Idempotency-Hit" not in first.headers
    assert again.headers["Idempotency-Hit"] == "true"
    assert stands(till, member) == after


@pytest.mark.parametrize("name", WRITES)
def test_another_body_with_the_key_is_refused(till, member, write, name):
    path, body, other = write(name)
    till("POST", path, body, key="k")
    after = stands(till, member)
    refused = till("POST", path, other, key="k")
    if body is None:
        till.check(refused, 422, "invalid_fields")
    else:
        till.check(refused, 422, "idempotency_key_reused")
    assert stands(till, member) == after


@pytest.mark.parametrize("name", WRITES)
def test_without_a_key_or_with_a_bad_one_nothing_is_done(till, member, write, name):
    path, body, _ = write(name)
    before = stands(till, member)
    bare = {"Authorization": f"Bearer {till.key}"}
    response = till.client.post(f"/api/v1{path}", json=body or {}, headers=bare)
    till.check(response, 400, "idempotency_key_missing")
    till.check(till("POST", path, body, key="x" * 256), 400, "idempotency_key_invalid")
    assert stands(till, member) == before


@pytest.mark.parametrize("name", ["order", "refund"])
def test_a_refusal_is_an_answer_too(till, member, write, name):
    path, body, _ = write(name)
    body = {**body, "redeem": {"points": 5_000}} if name == "order" else {"value": 9_000}
    first = till("POST", path, body, key="k")
    assert first.status_code == 422
    till.post(f"/accounts/{member['id']}/adjustments", {"points": 9_000, "reason": "goodwill"})
    again = till("POST", path, body, key="k")
    assert again.data == first.data
    assert again.headers["Idempotency-Hit"] == "true"
    assert again.content_type == "application/problem+json"


@pytest.mark.parametrize("name", WRITES)
def test_a_failure_of_ours_stores_nothing_and_changes_nothing(app, till, member, write, name):
    path, body, _ = write(name)
    before = stands(till, member)
    with app.app_context(), orm.writing(db.session()) as session:
        session.execute(text("ALTER TABLE event RENAME TO elsewhere"))
    failed = till("POST", path, body, key="k")
    assert failed.status_code in (500, 503), failed.text
    with app.app_context(), orm.writing(db.session()) as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO event"))
        stored = session.scalar(select(func.count()).select_from(Request).where(Request.key == "k"))
    assert stored == 0
    assert stands(till, member) == before
    again = till("POST", path, body, key="k")
    assert again.status_code in (200, 201), again.text
    assert "Idempotency-Hit" not in again.headers


@pytest.mark.parametrize("name", WRITES)
def test_many_at_once_have_one_effect(app, server, till, member, write, name):
    path, body, _ = write(name)
    before = stands(till, member)
    headers = {"Authorization": f"Bearer {till.key}", "Idempotency-Key": "k"}

    def send(_):
        return requests.post(f"{server}/api/v1{path}", json=body or {}, headers=headers, timeout=60)

    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(send, range(24)))
    done = [answer for answer in answers if answer.ok]
    assert done
    assert {answer.status_code for answer in answers} <= {200, 201, 409, 503}
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotency-Hit" not in answer.headers for answer in done) == 1
    assert stands(till, member)[1] > before[1]
    with app.app_context():
        assert list(ledger.verify(db.session())) == []
        assert db.session.scalar(select(func.count()).select_from(Order)) <= 1


def test_one_receipt_by_many_tills_with_keys_of_their_own_is_one_order(
    app, server, key_for, till, member, write
):
    path, body, _ = write("order")
    tills = [key_for() for _ in range(8)]

    def send(one):
        headers = {"Authorization": f"Bearer {one.key}", "Idempotency-Key": "k"}
        for _ in range(20):
            answer = requests.post(f"{server}/api/v1{path}", json=body, headers=headers, timeout=60)
            if answer.status_code != 503:
                return answer
        return answer

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(send, tills))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert stands(till, member)[0] == 1000 - 100 + 19
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Order)) == 1


def test_after_thirty_days_the_order_is_still_known(app, till, member, write):
    path, body, _ = write("order")
    made = till("POST", path, body, key="k").json
    with app.app_context(), orm.writing(db.session()) as session:
        ledger.forget_answers(session, before=now() + timedelta(seconds=1))
    gone = till.check(till("POST", path, body, key="k"), 409, "answer_expired")
    assert gone["effect"] == made["id"]
    assert till.post(path, body)["id"] == made["id"]
