"""Sending points with a code: once, whoever asks again, and only by those who may."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sqlalchemy import select

from portal import clock, orm
from portal.access import keys
from portal.access.models import Client
from portal.web.extensions import db
from tests.api.conftest import Till
from tests.api.reading import code_in, last_code, messages
from tests.api.sending import ANA, RUI, asked, balance, confirmed, send, wish, wrong


def test_points_are_sent_with_the_code(app, till, ana, rui):
    receipt = send(till, app, ana, rui, note="For the cake")
    assert receipt["id"].startswith("trf_")
    assert receipt == {
        "id": receipt["id"],
        "direction": "out",
        "points": 100,
        "at": receipt["at"],
        "from": {
            "display": "An… D… (…78)",
            "name": "Ana Dias",
            "account": ana["id"],
            "customer": ana["customer"],
            "household": None,
        },
        "to": {
            "display": "Ru… R… (…89)",
            "name": "Rui Reis",
            "account": rui["id"],
            "customer": rui["customer"],
            "household": None,
        },
        "transferred_by": ana["customer"],
        "note": "For the cake",
        "program": "corner",
        "program_name": "Corner Points",
        "breakup": [{"program": "corner", "points": 100, "left": 900}],
    }
    assert (balance(till, ana), balance(till, rui)) == (900, 100)


def test_sent_points_keep_their_expiry_and_are_not_earned(app, till, ana, rui):
    send(till, app, ana, rui)
    before = till.get(f"/accounts/{ana['id']}")["expiring_point_deadlines"]
    after = till.get(f"/accounts/{rui['id']}")
    assert after["expiring_point_deadlines"] == [{**before[0], "points": 100}]
    assert after["lifetime_points"] == 0


def test_both_sides_are_told(app, till, ana, rui):
    send(till, app, ana, rui)
    told = {message["to"]: message["body"] for message in messages(app) if not code_in(message)}
    assert set(told) == {ANA, RUI}
    assert "100 points" in told[ANA]
    assert "An… D…" in told[RUI]


def test_a_wrong_code_costs_a_try_and_five_end_it(app, till, ana, rui):
    told = asked(till, wish(ana, rui))
    right = last_code(app)
    body = {"transfer_request": told["transfer_request"], "code": wrong(right)}
    for left in (4, 3, 2, 1):
        refusal = till.refuses(422, "wrong_code", "POST", "/transfers", body)
        assert (refusal["tries_left"], refusal["legacy_code"]) == (left, 808)
    till.refuses(422, "code_tries_used_up", "POST", "/transfers", body)
    till.refuses(422, "code_tries_used_up", "POST", "/transfers", {**body, "code": right})
    assert (balance(till, ana), balance(till, rui)) == (1000, 0)


@pytest.mark.parametrize("nonsense", ["12345", "1234567", "abcdef", "--", "X12Y3Z"])
def test_what_is_no_code_is_no_try(app, till, ana, rui, nonsense):
    told = asked(till, wish(ana, rui))
    body = {"transfer_request": told["transfer_request"], "code": nonsense}
    refusal = till.refuses(422, "code_malformed", "POST", "/transfers", body)
    assert refusal["legacy_code"] == 808
    assert "code" in refusal["errors"]
    till.post("/transfers", {**body, "code": last_code(app)})


def test_a_code_is_typed_as_people_type(app, till, ana, rui):
    told = asked(till, wish(ana, rui))
    code = last_code(app)
    body = {"transfer_request": told["transfer_request"], "code": f"{code[:3]} {code[3:]}"}
    till.post("/transfers", body)


def test_a_code_of_another_request_is_refused(app, till, ana, rui):
    give = {"points": 500, "reason": "goodwill_credit"}
    till.post(f"/accounts/{rui['id']}/adjustments", give)
    mine, other = asked(till, wish(ana, rui)), asked(till, wish(rui, ana))
    body = {"transfer_request": mine["transfer_request"], "code": last_code(app, RUI)}
    assert till.refuses(422, "wrong_code", "POST", "/transfers", body)["legacy_code"] == 808
    body = {"transfer_request": other["transfer_request"], "code": last_code(app, ANA)}
    till.refuses(422, "wrong_code", "POST", "/transfers", body)
    assert (balance(till, ana), balance(till, rui)) == (1000, 500)


def test_the_code_of_an_older_request_is_void(app, till, ana, rui):
    """Its place was taken by another request of the same sender, which waits for its own."""
    first = asked(till, wish(ana, rui, points=100))
    second = asked(till, wish(ana, rui, points=600))
    body = {"transfer_request": second["transfer_request"], "code": last_code(app)}
    assert till.refuses(422, "code_expired", "POST", "/transfers", body)["legacy_code"] == 808
    till.post("/transfers", {**body, "transfer_request": first["transfer_request"]})
    assert balance(till, rui) == 100


def test_a_request_is_its_clients_own(app, till, key_for, ana, rui):
    told = asked(till, wish(ana, rui))
    body = confirmed(app, told)
    other = key_for("transfer")
    for _ in range(6):
        other.refuses(404, "transfer_request_not_found", "POST", "/transfers", body)
    # Guesses of others cost no tries.
    till.post("/transfers", body)


def test_a_request_that_nobody_made_is_404(till, sending):
    body = {"transfer_request": "trq_0", "code": "123456"}
    till.refuses(404, "transfer_request_not_found", "POST", "/transfers", body)


# -- the same again


def test_the_same_key_gives_the_same_bytes(app, till, ana, rui):
    sent = {**wish(ana, rui), "issue_code": True}
    first = till("POST", "/transfers/check", sent, key="check")
    again = till("POST", "/transfers/check", sent, key="check")
    assert again.data == first.data
    assert again.headers["Idempotency-Hit"] == "true"
    assert len(messages(app)) == 1
    body = confirmed(app, first.json)
    done = till("POST", "/transfers", body, key="send")
    replayed = till("POST", "/transfers", body, key="send")
    assert (done.status_code, replayed.data) == (201, done.data)
    assert replayed.headers["Idempotency-Hit"] == "true"
    till.check(
        till("POST", "/transfers", {**body, "code": "1"}, key="send"),
        422,
        "idempotency_key_reused",
    )
    assert (balance(till, ana), balance(till, rui)) == (900, 100)


def test_a_refused_code_costs_no_second_try_with_its_key(app, till, ana, rui):
    told = asked(till, wish(ana, rui))
    body = confirmed(app, told)
    bad = {**body, "code": wrong(body["code"])}
    first = till("POST", "/transfers", bad, key="k")
    again = till("POST", "/transfers", bad, key="k")
    assert first.json["tries_left"] == again.json["tries_left"] == 4
    assert again.headers["Idempotency-Hit"] == "true"
    till.post("/transfers", body)


def test_a_request_that_was_used_answers_its_receipt_and_sends_nothing(app, till, ana, rui):
    told = asked(till, wish(ana, rui))
    body = confirmed(app, told)
    first = till.post("/transfers", body)
    assert till.post("/transfers", body) == first
    assert (balance(till, ana), balance(till, rui)) == (900, 100)


def test_twenty_at_once_send_once(app, server, till, ana, rui):
    told = asked(till, wish(ana, rui))
    body = confirmed(app, told)

    def once(number):
        return requests.post(
            f"{server}/api/v1/transfers",
            json=body,
            headers={"Authorization": f"Bearer {till.key}", "Idempotency-Key": f"k{number}"},
            timeout=60,
        )

    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(once, range(20)))
    done = [answer for answer in answers if answer.status_code == 201]
    assert done
    assert {answer.status_code for answer in answers} <= {201, 422, 503}
    assert len({answer.json()["id"] for answer in done}) == 1
    assert (balance(till, ana), balance(till, rui)) == (900, 100)


# -- who may


def test_sending_needs_the_scope_for_it(app, till, key_for, ana, rui):
    everything_else = key_for(
        "read", "enrol", "redeem", "earn", "reverse", "adjust", "voucher", "manage"
    )
    told = asked(till, wish(ana, rui))
    for path, body in (
        ("/transfers/check", wish(ana, rui)),
        ("/transfers", confirmed(app, told)),
    ):
        refusal = everything_else.refuses(403, "scope_missing", "POST", path, body)
        assert refusal["scope"] == "transfer"
    # A key that may not send costs nobody a try of their code.
    for _ in range(6):
        body = {"transfer_request": told["transfer_request"], "code": "000000"}
        everything_else.refuses(403, "scope_missing", "POST", "/transfers", body)
    till.post("/transfers", confirmed(app, told))


def test_looking_back_needs_a_scope(key_for, till, ana):
    path = f"/transfers?account={ana['id']}"
    for scope in ("read", "transfer"):
        assert key_for(scope)("GET", path).status_code == 200
    poor = key_for("enrol", "redeem", "earn", "reverse", "adjust", "voucher", "manage")
    poor.refuses(403, "scope_missing", "GET", path)


def test_a_stores_key_sends_in_its_store(app, till, key_for, ana, rui):
    bound = key_for("transfer", store="S1")
    send(bound, app, ana, rui)
    for account in (ana, rui):
        (line,) = till.get(f"/accounts/{account['id']}/transactions", type="transfer")["data"]
        assert line["event"]["store"] == "S1"
        assert line["event"]["name"] == "PointsTransfer"


def test_another_key_of_the_same_client_may_confirm(app, till, ana, rui):
    """Keys rotate: what was begun with the old one is ended with the new."""
    with app.app_context(), orm.writing(db.session()) as session:
        rotated = keys.create(
            session,
            name=session.scalars(select(Client.name)).one(),
            scopes=["transfer"],
            at=clock.now(),
            actor="command",
        ).key
    told = asked(till, wish(ana, rui))
    Till(app, rotated).post("/transfers", confirmed(app, told))
    assert balance(till, rui) == 100
