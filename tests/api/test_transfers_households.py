"""A common purse gives and gets, by those who may; and what everyone sent, looked back at."""

import pytest

from tests.api.reading import enrolled, household_of
from tests.api.sending import ANA, RUI, asked, balance, by, check, confirmed, send, wish


@pytest.fixture
def family(till, ana, rui):
    """Ana's household with Rui in it, and 500 points."""
    made = household_of(till, ana, rui, external_id="1981")
    give = {"points": 500, "reason": "goodwill_credit"}
    till.post(f"/accounts/{made['accounts'][0]['id']}/adjustments", give)
    return made


def test_a_member_gives_to_their_household_and_gets_back(app, till, ana, rui, family):
    body = {**wish(ana, rui), "to": {"household": family["id"]}, "issue_code": True}
    given = till.post("/transfers", confirmed(app, check(till, body)))
    assert given["to"]["household"] == family["id"]
    assert given["to"]["name"] == "Dias family"
    assert given["to"]["customer"] is None
    assert balance(till, family["accounts"][0]) == 600
    body = {"from": {"household": family["id"]}, "to": {"account": rui["id"]}, "points": 200}
    till.post(f"/accounts/{rui['id']}/adjustments", {"points": 5, "reason": "goodwill_credit"})
    change = f"/households/{family['id']}/members/{rui['customer']}"
    assert till("PATCH", change, {"may_send": True}).status_code == 200
    told = check(till, {**body, **by(rui), "issue_code": True})
    assert told["code_sent_to"] == "…89"
    back = till.post("/transfers", confirmed(app, told, RUI))
    assert (back["from"]["household"], back["transferred_by"]) == (family["id"], rui["customer"])
    assert back["breakup"] == [{"program": "corner", "points": 200, "left": 400}]
    assert (balance(till, family["accounts"][0]), balance(till, rui)) == (400, 205)


def test_one_household_gives_to_another(app, till, ana, family):
    bo = enrolled(till, first_name="Bo")
    other = household_of(till, bo, external_id="1982")
    told = check(
        till,
        {
            "from": {"identifier": {"type": "primary_card_number", "value": "A-1"}},
            "to": {"identifier": {"type": "external_id", "value": "1982"}},
            "points": 100,
            "transferred_by": {"identifier": {"type": "mobile", "value": ANA}},
            "issue_code": True,
        },
    )
    receipt = till.post("/transfers", confirmed(app, told))
    assert receipt["from"]["household"] == family["id"]
    assert receipt["to"]["household"] == other["id"]


@pytest.mark.parametrize(
    "sender",
    [{"household": "$HOUSEHOLD"}, {"identifier": {"type": "primary_mobile", "value": ANA}}],
)
def test_from_a_household_somebody_must_do_it(till, rui, family, sender):
    if "household" in sender:
        sender = {"household": family["id"]}
    body = {**wish(rui, rui), "from": sender}
    refusal = till.refuses(422, "invalid_fields", "POST", "/transfers/check", body)
    assert list(refusal["errors"]) == ["transferred_by"]


def test_from_a_households_account_somebody_must_do_it_too(till, rui, family):
    body = wish(family["accounts"][0], rui)
    (reason,) = check(till, body)["reasons"]
    assert (reason["code"], reason["field"]) == ("transferred_by_needed", "transferred_by")


def test_only_those_who_may_send_for_a_household(till, ana, rui, family):
    body = wish(family["accounts"][0], ana)
    (reason,) = check(till, {**body, **by(rui)})["reasons"]
    assert (reason["code"], reason["field"]) == ("transferred_by_not_allowed", "transferred_by")
    stranger = enrolled(till, first_name="Zed")
    (reason,) = check(till, {**body, **by(stranger)})["reasons"]
    assert reason["code"] == "transferred_by_not_allowed"
    nobody = {"transferred_by": {"customer": "cus_0"}}
    (reason,) = check(till, {**body, **nobody})["reasons"]
    assert reason["legacy_code"] == 816
    assert check(till, {**body, **by(ana)})["transferable"]


def test_nobody_sends_for_another_member(till, ana, rui):
    (reason,) = check(till, {**wish(ana, rui), **by(rui)})["reasons"]
    assert reason["code"] == "transferred_by_not_allowed"


def test_a_permission_that_was_taken_back_is_gone_when_it_happens(app, till, rui, ana, family):
    change = f"/households/{family['id']}/members/{rui['customer']}"
    till("PATCH", change, {"may_send": True})
    told = asked(till, {**wish(family["accounts"][0], ana), **by(rui)})
    till("PATCH", change, {"may_send": False})
    body = confirmed(app, told)
    till.refuses(422, "transferred_by_not_allowed", "POST", "/transfers", body)
    assert balance(till, family["accounts"][0]) == 500


# -- looking back


def test_history_is_of_both_sides_newest_first_in_pages(app, till, ana, rui):
    first = send(till, app, ana, rui, points=100, note="one")
    till.post(f"/accounts/{ana['id']}/merge", {"into": _fresh(till)["id"]}, status=200)
    second = send(till, app, rui, _account_of(till, ana), points=50, note="two")
    mine = till.get("/transfers", customer=rui["customer"])
    assert [(one["id"], one["direction"]) for one in mine["data"]] == [
        (second["id"], "out"),
        (first["id"], "in"),
    ]
    assert [one["breakup"][0]["left"] for one in mine["data"]] == [50, 100]
    page = till.get("/transfers", account=rui["id"], limit=1)
    assert [one["id"] for one in page["data"]] == [second["id"]]
    rest = till.get("/transfers", account=rui["id"], limit=1, cursor=page["next_cursor"])
    assert [one["id"] for one in rest["data"]] == [first["id"]]
    assert rest["next_cursor"] is None
    # Of an account that was merged, its survivor's: with what it sent itself.
    old = till.get("/transfers", account=ana["id"])
    assert [one["direction"] for one in old["data"]] == ["in", "out"]
    assert old["merged_from"] == ana["id"]


def _fresh(till):
    return enrolled(till, first_name="Ana", last_name="Dias")


def _account_of(till, merged):
    return till.get(f"/accounts/{merged['id']}")


def test_history_by_any_name_and_program(app, till, ana, rui):
    receipt = send(till, app, ana, rui)
    for query in (
        {"account": ana["id"]},
        {"customer": ana["customer"]},
        {"identifier_type": "mobile", "identifier_value": "912345678"},
        {"identifier_type": "external_id", "identifier_value": "ana"},
        {"identifier_type": "card_number", "identifier_value": "A-1"},
    ):
        assert till.get("/transfers", **query)["data"] == [receipt]
        assert till.get("/transfers", **query, program="corner")["data"] == [receipt]
        assert till.get("/transfers", **query, program="quiet")["data"] == []


def test_a_household_has_a_history_of_its_own(app, till, ana, rui, family):
    told = asked(till, {**wish(family["accounts"][0], rui), **by(ana)})
    receipt = till.post("/transfers", confirmed(app, told))
    for query in (
        {"household": family["id"]},
        {"identifier_type": "external_id", "identifier_value": "1981"},
        {"identifier_type": "primary_email", "identifier_value": "ana@example.com"},
        {"identifier_type": "primary_id", "identifier_value": ana["customer"]},
    ):
        assert till.get("/transfers", **query)["data"] == [receipt]
    assert till.get("/transfers", customer=ana["customer"])["data"] == []


@pytest.mark.parametrize(
    "query",
    ["customer=cus_0", "account=loy_0", "household=hh_0",
     "identifier_type=email&identifier_value=x@example.com",
     "identifier_type=primary_email&identifier_value=x@example.com"],
)  # fmt: skip
def test_a_history_of_nobody_is_404(till, sending, query):
    assert till("GET", f"/transfers?{query}").status_code == 404
