"""The rotating code at the endpoint: who it names, what it approves, and how often."""

import threading

import pytest
import requests
from sqlalchemy import select

from portal import orm
from portal.access import member_codes
from portal.clock import now
from portal.codes.models import Budget
from portal.members import cards
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply

ORDER = {"value": 2000, "currency": "EUR"}
TILLS = 100


@pytest.fixture
def asking(app, member):
    """The program asks for presence before any point leaves."""
    with app.app_context():
        apply(
            CORNER
            | {
                "earning": [
                    {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
                    {"id": "birthday", "kind": "event", "event": "birthday", "points": 75},
                ],
                "redemption": {"approval": "member_code"},
            }
        )


@pytest.fixture
def shown(member, shown_code):
    """What the member's page shows, so many steps from now."""
    return lambda steps=0: shown_code(member["customer"], steps=steps)


@pytest.fixture
def misses(app):
    """How many wrong codes were counted, by limit."""

    def read():
        with app.app_context():
            rows = db.session.execute(
                select(Budget.name, Budget.used).where(Budget.name.startswith("member_code:"))
            ).all()
            db.session.remove()
        return {row.name.removeprefix("member_code:"): row.used for row in rows}

    return read


def named(code):
    return {"identifier": {"type": "member_code", "value": code}}


def approved(member, code):
    return {"account": member["id"], "approval": {"member_code": code}}


def wrong_code(right, number=1):
    """Well-formed, of the same member, and not theirs."""
    body = right[:8] + f"{(int(right[8:15]) + number) % 10**7:07}"
    return body + cards.check_digit(body)


def spend(**more):
    return {"points": 300, **more}


def balance(till, member):
    return till.get(f"/accounts/{member['id']}")["balance"]


# -- naming and approving


@pytest.mark.parametrize("how", ["approval", "identifier", "both", "spoken"])
def test_a_redemption_takes_the_code(till, member, asking, shown, how):
    without = till.refuses(
        422, "approval_needed", "POST", "/redemptions", spend(account=member["id"])
    )
    assert (without["approval"], without["legacy_code"]) == ("member_code", 824)
    code = shown()
    spoken = "-".join(code[at : at + 4] for at in range(0, 16, 4))
    body = {
        "approval": approved(member, code),
        "identifier": named(code),
        "both": named(code) | {"approval": {"member_code": spoken}},
        "spoken": named(f" {spoken} "),
    }[how]
    made = till.post("/redemptions", spend(**body))
    assert (made["account"], made["points"]) == (member["id"], 300)
    used = till.refuses(422, "member_code_used", "POST", "/redemptions", spend(**body))
    assert used["legacy_code"] == 808
    assert used["next_at"].endswith("Z")
    assert balance(till, member) == 700


def test_an_order_takes_the_code_and_its_repeat_needs_none(till, member, asking, shown):
    body = {"id": "R-1", **ORDER, **named(shown()), "redeem": {"points": 300}}
    first = till("POST", "/orders", body, key="k")
    assert first.status_code == 201, first.text
    again = till("POST", "/orders", body, key="k")
    assert (again.data, again.headers["Idempotency-Hit"]) == (first.data, "true")
    # A till that lost its key knows the receipt, and may show the code again.
    assert till.post("/orders", body)["id"] == first.json["id"]
    till.refuses(422, "member_code_used", "POST", "/orders", body | {"id": "R-2"})
    assert first.json["customer"] == member["customer"]
    assert balance(till, member) == 1000 - 300 + 17


def test_a_quote_remembers_the_code_for_what_names_it(till, member, asking, shown):
    account = {"account": member["id"]}
    code = shown()
    quote = till.post("/quotes", named(code) | {"order": ORDER}, status=200)
    assert (quote["approval"], quote["max_points"]) == ("none", 1000)
    till.refuses(422, "member_code_used", "POST", "/quotes", named(code) | {"order": ORDER})
    order = {"id": "R-1", **ORDER, **account, "quote": quote["id"], "redeem": {"points": 300}}
    till.refuses(
        422, "approval_needed", "POST", "/orders",
        {name: value for name, value in order.items() if name != "quote"},
    )  # fmt: skip
    assert till.post("/orders", order)["amount_due"] == 1700
    following = till.post("/quotes", named(shown()) | {"order": ORDER}, status=200)
    till.post("/redemptions", spend(**account, quote=following["id"]))
    till.refuses(409, "quote_used", "POST", "/redemptions", spend(**account, quote=following["id"]))


def test_an_event_knows_the_member_by_the_code_once(till, member, asking, shown):
    body = named(shown()) | {"name": "birthday"}
    assert till.post("/events", body | {"id": "b-1"})["account"] == member["id"]
    till.refuses(422, "member_code_used", "POST", "/events", body | {"id": "b-2"})
    assert balance(till, member) == 1075


def test_a_reversal_refuses_another_members_code(till, member, asking, shown, shown_code):
    other = till.post("/accounts", {"customer": {"external_id": "other"}})
    made = till.post("/redemptions", spend(**named(shown())))
    path, strangers = f"/redemptions/{made['id']}/reversals", shown_code(other["customer"])
    refusal = till.refuses(422, "other_customers_redemption", "POST", path, named(strangers))
    assert refusal["legacy_code"] == 904
    own = named(shown()) | {"points": 100}
    assert till.post(path, own)["points"] == 100
    till.refuses(422, "member_code_used", "POST", path, own)


def test_a_code_of_another_member_approves_nothing(till, member, asking, shown_code):
    other = till.post("/accounts", {"customer": {"external_id": "other"}, "value": 500})
    code = shown_code(other["customer"])
    refusal = till.refuses(
        422, "other_members_code", "POST", "/redemptions", spend(**approved(member, code))
    )
    assert refusal["legacy_code"] == 808
    # Nothing was used up: it still is what it is.
    till.post("/redemptions", spend(**named(code)))
    assert (balance(till, member), balance(till, other)) == (1000, 200)


def test_where_nothing_is_asked_for_a_code_still_names(till, member, shown):
    till.post("/redemptions", spend(**named(shown())))
    till.post("/redemptions", spend(**approved(member, shown())))
    assert balance(till, member) == 400


# -- early, late, wrong


@pytest.mark.parametrize(
    ("steps", "code"),
    [(-40, "member_code_expired"), (-4, "member_code_expired"), (3, "member_code_expired"),
     (-2000, "wrong_member_code")],
)  # fmt: skip
def test_a_code_of_another_time_is_refused(till, member, asking, shown, steps, code):
    for body in (named(shown(steps)), approved(member, shown(steps))):
        refusal = till.refuses(422, code, "POST", "/redemptions", spend(**body))
        assert refusal["legacy_code"] == 808
    assert balance(till, member) == 1000


def test_a_page_that_is_a_step_early_or_late_is_good(till, member, asking, shown):
    till.post("/redemptions", spend(**approved(member, shown(-1))))
    till.post("/redemptions", spend(**approved(member, shown(1))))
    assert balance(till, member) == 400


@pytest.mark.parametrize(
    "typed", ["123456", "1234567890123456", "abcd", "12345678901234567", "½½½½½½½½½½½½½½½½"]
)
def test_what_is_no_code_finds_nobody_and_is_no_miss(till, member, asking, misses, typed):
    for body in (named(typed), approved(member, typed)):
        refusal = till.refuses(422, "member_code_malformed", "POST", "/redemptions", spend(**body))
        assert refusal["legacy_code"] == 808
    assert misses() == {}


def test_a_wrong_code_is_counted_though_the_request_is_refused(till, member, asking, shown, misses):
    wrong = wrong_code(shown())
    for role in (named(wrong), approved(member, wrong)):
        till.refuses(422, "wrong_member_code", "POST", "/redemptions", spend(**role))
    assert misses() == {"handle": 2, "handle:day": 2, "client": 2, "site": 2}
    assert balance(till, member) == 1000


def test_a_refusal_is_repeated_for_its_key_and_costs_no_second_miss(
    till, member, asking, shown, misses
):
    body = spend(**named(wrong_code(shown())))
    first, again = (till("POST", "/redemptions", body, key="k") for _ in range(2))
    assert (again.data, again.headers["Idempotency-Hit"]) == (first.data, "true")
    assert misses()["handle"] == 1


def test_after_five_misses_the_right_code_waits_and_the_card_does_not(till, member, shown):
    right = shown()
    for number in range(1, 6):
        till.refuses(
            422, "wrong_member_code", "POST", "/redemptions",
            spend(**named(wrong_code(right, number))),
        )  # fmt: skip
    refused = till("POST", "/redemptions", spend(**named(right)), key="k")
    content = till.check(refused, 429, "too_many_wrong_member_codes")
    assert int(refused.headers["Retry-After"]) == content["retry_after_seconds"] > 0
    card = {"identifier": {"type": "card_number", "value": "C-1"}}
    till.post("/redemptions", spend(**card))


def test_renewed_codes_are_nobodys(app, till, member, asking, shown):
    old = shown()
    with app.app_context():
        with orm.writing(db.session()) as session:
            member_codes.renew(session, customer_id=member["customer"], at=now())
        db.session.remove()
    till.refuses(422, "wrong_member_code", "POST", "/redemptions", spend(**named(old)))
    till.post("/redemptions", spend(**named(shown())))


def test_a_refused_request_leaves_the_code_good(till, member, asking, shown):
    code = shown()
    till.refuses(
        422, "insufficient_points", "POST", "/redemptions",
        {"points": 1500, **approved(member, code)},
    )  # fmt: skip
    till.refuses(
        404, "program_not_found", "POST", "/redemptions", spend(**named(code), program="nothing")
    )
    till.refuses(422, "invalid_fields", "POST", "/redemptions", spend(**named(code), store=5))
    till.post("/redemptions", spend(**named(code)))


def test_whoever_may_not_redeem_learns_nothing_from_a_code(key_for, till, member, shown, misses):
    reader = key_for("read")
    for code in (shown(), wrong_code(shown())):
        reader.refuses(403, "scope_missing", "POST", "/redemptions", spend(**named(code)))
    nobody = key_for("redeem")
    nobody.key = "ptl_nothing"
    nobody.refuses(401, "bad_key", "POST", "/redemptions", spend(**named(shown())))
    assert misses() == {}


def test_a_query_takes_no_code(till, member, shown):
    for path in ("/accounts", "/households", "/rewards", "/rewards/mug", "/transfers", "/vouchers"):
        refusal = till.refuses(
            422, "member_code_in_query", "GET",
            f"{path}?identifier_type=member_code&identifier_value={shown()}",
        )  # fmt: skip
        assert "identifier_type" in refusal["errors"]
    till.post("/redemptions", spend(**named(shown())))


def test_a_hundred_tills_at_once_with_one_code_are_one(server, till, member, asking, shown):
    code, barrier, answers = shown(), threading.Barrier(TILLS), []

    def redeem(number):
        headers = {"Authorization": f"Bearer {till.key}", "Idempotency-Key": f"r-{number}"}
        barrier.wait(60)
        while True:
            try:
                answer = requests.post(
                    f"{server}/api/v1/redemptions",
                    json={"points": 10, **approved(member, code)},
                    headers=headers,
                    timeout=60,
                )
            except requests.ConnectionError:
                continue
            if answer.status_code not in (503, 429):
                answers.append((answer.status_code, answer.json().get("code")))
                return

    threads = [threading.Thread(target=redeem, args=(number,)) for number in range(TILLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers, key=lambda one: one[0]) == [(201, None)] + [
        (422, "member_code_used")
    ] * (TILLS - 1)
    assert balance(till, member) == 990
