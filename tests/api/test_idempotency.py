"""Same key, same answer: the matrix of QUALITY A.5."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from sqlalchemy import func, select, text

from portal import ledger, orm
from portal.clock import now
from portal.ledger.models import Redemption, Request
from portal.web.extensions import db

SPEND = {"points": 100}


def spend(till, member, key, **more):
    return till("POST", "/redemptions", {"account": member["id"], **SPEND, **more}, key=key)


def balance(till, member):
    return till.get(f"/accounts/{member['id']}")["balance"]


def stored(app):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Request))


def test_the_same_request_gives_the_same_bytes_and_is_done_once(till, member):
    first = spend(till, member, "k")
    again = spend(till, member, "k")
    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert "Idempotency-Hit" not in first.headers
    assert again.headers["Idempotency-Hit"] == "true"
    assert again.content_type == first.content_type
    assert balance(till, member) == 900


def test_spacing_and_order_of_members_make_no_other_request(till, member):
    first = till(
        "POST",
        "/redemptions",
        key="k",
        data=b'{"account": "%b", "points": 100}' % member["id"].encode(),
    )
    again = till(
        "POST",
        "/redemptions",
        key="k",
        data=b'{"points":100,\n"account":"%b"}' % member["id"].encode(),
    )
    assert again.data == first.data
    assert again.headers["Idempotency-Hit"] == "true"


def test_another_body_is_refused(till, member):
    spend(till, member, "k")
    till.check(spend(till, member, "k", points=101), 422, "idempotency_key_reused")
    assert balance(till, member) == 900


def test_another_path_is_refused(till, member):
    held = till.post("/redemptions", {"account": member["id"], "points": 10, "capture": False})
    till.post(f"/redemptions/{held['id']}/capture", status=200)
    assert till("POST", f"/redemptions/{held['id']}/void", key="k").status_code == 409
    till.refuses(
        422, "idempotency_key_reused", "POST", f"/redemptions/{held['id']}/reversals", key="k"
    )


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_without_a_key_is_refused(till, member, method):
    path = "/redemptions" if method == "POST" else f"/accounts/{member['id']}"
    response = till.client.open(
        f"/api/v1{path}",
        method=method,
        json={"account": member["id"], **SPEND} if method == "POST" else {"metadata": {}},
        headers={"Authorization": f"Bearer {till.key}"},
    )
    till.check(response, 400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "ключ".encode().decode("latin-1"), " "])
def test_a_key_that_is_none_is_refused(till, member, key):
    response = till(
        "POST", "/redemptions", {"account": member["id"], **SPEND}, headers={"Idempotency-Key": key}
    )
    till.check(response, 400, "idempotency_key_invalid")
    assert balance(till, member) == 1000


def test_the_longest_key_is_taken(till, member):
    assert spend(till, member, "x" * 255).status_code == 201


def test_keys_are_of_the_client_not_of_the_world(key_for, member):
    assert spend(key_for(), member, "k").status_code == 201
    other = spend(key_for(), member, "k")
    assert other.status_code == 201
    assert "Idempotency-Hit" not in other.headers


def test_a_refusal_is_an_answer_too(till, member):
    path = f"/accounts/{member['id']}/adjustments"
    first = spend(till, member, "k", points=5_000)
    till.check(first, 422, "insufficient_points")
    till.post(path, {"points": 9_000, "reason": "goodwill_credit"})
    again = spend(till, member, "k", points=5_000)
    assert again.data == first.data
    assert again.content_type == "application/problem+json"
    assert again.headers["Idempotency-Hit"] == "true"
    assert balance(till, member) == 10_000
    assert spend(till, member, "k2", points=5_000).status_code == 201


def test_what_could_not_be_read_or_was_not_allowed_is_not_stored(app, till, key_for, member):
    before = stored(app)
    assert till("POST", "/redemptions", data=b"{", key="k").status_code == 400
    assert till("POST", "/redemptions", {"points": "100"}, key="k").status_code == 422
    wrong = till("POST", "/redemptions", SPEND, key="k", headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 401
    assert spend(key_for("read"), member, "k").status_code == 403
    assert stored(app) == before
    assert spend(till, member, "k").status_code == 201


def test_a_failure_of_ours_stores_nothing(app, till, member):
    with app.app_context(), orm.writing(db.session()) as session:
        session.execute(text("ALTER TABLE redemption RENAME TO elsewhere"))
    failed = spend(till, member, "k")
    assert failed.status_code in (500, 503)
    assert failed.content_type == "application/problem+json"
    with app.app_context(), orm.writing(db.session()) as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO redemption"))
    again = spend(till, member, "k")
    assert again.status_code == 201
    assert "Idempotency-Hit" not in again.headers
    assert balance(till, member) == 900


def test_a_second_request_waits_for_the_first_and_gets_its_answer(app, engine, till, member):
    started, answers = threading.Event(), []

    def second():
        started.set()
        answers.append(spend(till, member, "k"))

    with engine.connect() as holder:
        holder = holder.execution_options(**orm.WRITE_OPTIONS)
        holder.execute(text("SELECT 1"))
        # The lock that the first request would hold while it runs.
        holder.execute(
            text("UPDATE account SET updated_at = updated_at WHERE id = :id"), {"id": member["id"]}
        )
        first = threading.Thread(target=second)
        first.start()
        started.wait()
        time.sleep(0.3)
        follower = threading.Thread(target=second)
        follower.start()
        time.sleep(0.3)
        assert not answers
        holder.rollback()
    first.join()
    follower.join()
    assert answers[0].data == answers[1].data
    hits = [answer.headers.get("Idempotency-Hit") for answer in answers]
    assert sorted(hits, key=str) == [None, "true"] or sorted(hits, key=str) == ["true", None]
    assert balance(till, member) == 900


def test_while_the_first_runs_on_the_second_is_told_to_come_back(app, engine, till, member):
    with app.app_context():
        client = db.session.scalar(select(Request.client).limit(1))
    with engine.connect() as holder:
        holder = holder.execution_options(**orm.WRITE_OPTIONS)
        holder.execute(
            text(
                "INSERT INTO request (client, key, id, fingerprint, created_at)"
                " VALUES (:client, 'k', 'req_1', :fingerprint, :at)"
            ),
            {
                "client": client,
                "fingerprint": b"x" * 32,
                "at": now() if engine.dialect.name == "postgresql" else "2026-03-02 12:00:00",
            },
        )
        began = time.monotonic()
        waiting = spend(till, member, "k")
        waited = time.monotonic() - began
        holder.rollback()
    assert 4 < waited < 10
    assert int(waiting.headers["Retry-After"]) > 0
    if engine.dialect.name == "postgresql":
        till.check(waiting, 409, "request_in_flight")
    else:
        # One writer at a time: who holds the file cannot be told, only that it is held.
        till.check(waiting, 503, "try_again")
    assert spend(till, member, "k").status_code == 201


def test_a_hundred_at_once_have_one_effect(server, till, member, app):
    body = {"account": member["id"], **SPEND}
    headers = {"Authorization": f"Bearer {till.key}", "Idempotency-Key": "k"}

    def send(_):
        return requests.post(f"{server}/api/v1/redemptions", json=body, headers=headers, timeout=60)

    with ThreadPoolExecutor(100) as crowd:
        answers = list(crowd.map(send, range(100)))
    done = [answer for answer in answers if answer.status_code == 201]
    assert done
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.content for answer in done}) == 1
    assert sum("Idempotency-Hit" not in answer.headers for answer in done) == 1
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Redemption)) == 1
        assert list(ledger.verify(db.session())) == []
    assert balance(till, member) == 900


def test_after_thirty_days_the_effect_is_still_known(app, till, member):
    made = spend(till, member, "k").json
    with app.app_context(), orm.writing(db.session()) as session:
        ledger.forget_answers(session, before=now() + timedelta(seconds=1))
    gone = till.check(spend(till, member, "k"), 409, "answer_expired")
    assert gone["effect"] == made["id"]
    till.check(spend(till, member, "k", points=101), 422, "idempotency_key_reused")
    assert balance(till, member) == 900
