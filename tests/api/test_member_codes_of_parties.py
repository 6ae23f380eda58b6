"""The rotating code where it names a side of a transfer, or someone of a household."""

import pytest
from sqlalchemy import select

from portal.codes.models import Budget
from portal.web.extensions import db
from tests.api.reading import enrolled, household_of, messages
from tests.api.sending import ANA, asked, balance, check, confirmed, wish
from tests.api.test_member_codes import named, wrong_code

CHECK = "/transfers/check"


@pytest.fixture
def code_of(shown_code):
    """What the page of an account's holder shows, so many steps from now."""
    return lambda account, steps=0: shown_code(account["customer"], steps=steps)


@pytest.fixture
def misses(app):
    """How many wrong codes were counted for the client."""

    def read():
        with app.app_context():
            used = db.session.scalar(select(Budget.used).where(Budget.name == "member_code:client"))
            db.session.remove()
        return used or 0

    return read


def is_used(till, code):
    refusal = till.refuses(422, "member_code_used", "POST", "/events", _event(code))
    assert refusal["legacy_code"] == 808


def is_good(till, code):
    till.post("/events", _event(code))


def _event(code):
    return named(code) | {"name": "birthday", "id": f"b-{code}"}


# -- transfers


def test_both_sides_are_named_by_their_codes_and_the_one_time_code_goes_out_still(
    app, till, ana, rui, code_of
):
    codes = code_of(ana), code_of(rui)
    told = asked(till, {"from": named(codes[0]), "to": named(codes[1]), "points": 100})
    assert told["recipient"]["display"]
    assert messages(app)[0]["to"] == ANA
    till.post("/transfers", confirmed(app, told, ANA))
    assert (balance(till, ana), balance(till, rui)) == (900, 100)
    for code in codes:
        is_used(till, code)


def test_a_check_alone_leaves_the_codes_good_for_the_one_that_counts(till, ana, rui, code_of):
    body = {"from": named(code_of(ana)), "to": named(code_of(rui)), "points": 100}
    for _ in range(2):
        assert check(till, body)["transferable"]
    asked(till, body)
    refusal = till.refuses(422, "member_code_used", "POST", CHECK, body)
    assert list(refusal["errors"]) == ["from.identifier.value"]
    assert refusal["next_at"].endswith("Z")


@pytest.mark.parametrize("issue_code", [False, True])
def test_a_no_leaves_the_codes_good(till, ana, rui, code_of, issue_code):
    codes = code_of(ana), code_of(rui)
    body = {"from": named(codes[0]), "to": named(codes[1]), "points": 13}
    told = check(till, body | {"issue_code": issue_code})
    assert [reason["code"] for reason in told["reasons"]] == ["transfer_not_a_multiple"]
    for code in codes:
        is_good(till, code)


def test_one_code_on_both_sides_is_one_person(till, ana, code_of):
    code = code_of(ana)
    spoken = "-".join(code[at : at + 4] for at in range(0, 16, 4))
    told = check(till, {"from": named(code), "to": named(spoken), "points": 100})
    assert [reason["legacy_code"] for reason in told["reasons"]] == [418]


def test_who_sends_for_a_household_may_show_their_code(app, till, ana, rui, code_of):
    family = household_of(till, ana)
    purse = family["accounts"][0]
    till.post(f"/accounts/{purse['id']}/adjustments", {"points": 500, "reason": "goodwill"})
    body = {"from": {"household": family["id"]}, "to": named(code_of(rui)), "points": 100}
    told = asked(till, body | {"transferred_by": named(code_of(ana))})
    till.post("/transfers", confirmed(app, told, ANA))
    assert balance(till, rui) == 100


@pytest.mark.parametrize("steps", [(-1, 0), (0, -1)])
def test_two_codes_of_one_person_in_one_request_count(till, ana, rui, code_of, steps):
    codes = [code_of(ana, one) for one in steps]
    asked(till, wish(ana, rui) | {"from": named(codes[0]), "transferred_by": named(codes[1])})
    for code in codes:
        is_used(till, code)


@pytest.mark.parametrize("part", ["from", "to", "transferred_by"])
def test_what_is_nobodys_code_is_refused_by_name_and_counted(till, ana, rui, code_of, misses, part):
    wrong = wrong_code(code_of(rui))
    body = wish(ana, rui) | {part: named(wrong)}
    field = f"{part}.identifier.value"
    refusal = till.refuses(422, "wrong_member_code", "POST", CHECK, body)
    assert (list(refusal["errors"]), refusal["legacy_code"]) == ([field], 808)
    assert misses() == 1
    old = code_of(rui, -4)
    till.refuses(422, "member_code_expired", "POST", CHECK, body | {part: named(old)})
    malformed = till.refuses(
        422, "member_code_malformed", "POST", CHECK, body | {part: named("1234")}
    )
    assert list(malformed["errors"]) == [field]
    assert misses() == 1
    for number in range(2, 6):
        again = body | {part: named(wrong_code(code_of(rui), number))}
        till.refuses(422, "wrong_member_code", "POST", CHECK, again)
    right = body | {part: named(code_of(rui))}
    blocked = till.refuses(429, "too_many_wrong_member_codes", "POST", CHECK, right)
    assert blocked["retry_after_seconds"] > 0


def test_a_repeat_with_the_same_key_is_the_same_answer(till, ana, rui, code_of):
    body = {"from": named(code_of(ana)), "to": {"account": rui["id"]}, "points": 100}
    first, again = (till("POST", CHECK, body | {"issue_code": True}, key="k") for _ in range(2))
    assert first.status_code == 200, first.text
    assert (again.data, again.headers["Idempotency-Hit"]) == (first.data, "true")


def test_whoever_may_not_send_learns_nothing_from_a_code(key_for, till, ana, rui, code_of, misses):
    reader = key_for("read")
    for code in (code_of(ana), wrong_code(code_of(ana))):
        reader.refuses(403, "scope_missing", "POST", CHECK, wish(ana, rui) | {"from": named(code)})
    assert misses() == 0
    is_good(till, code_of(ana))


# -- households


def test_a_household_is_founded_and_joined_by_codes_once(till, ana, rui, code_of):
    founding, joining = code_of(ana), code_of(rui)
    made = till.post("/households", {"name": "Dias family", "primary": named(founding)})
    assert made["members"][0]["customer"] == ana["customer"]
    is_used(till, founding)
    path = f"/households/{made['id']}/members"
    joined = till.post(path, named(joining) | {"may_send": True})
    people = {one["customer"]: one for one in joined["members"]}
    assert people[rui["customer"]]["may_send"]
    till.refuses(422, "member_code_used", "POST", path, named(joining))


def test_an_invitation_by_code_uses_it_up(till, ana, rui, code_of):
    family, code = household_of(till, ana), code_of(rui)
    till.post(f"/households/{family['id']}/members", named(code) | {"invite": True})
    is_used(till, code)


def test_what_is_refused_for_another_reason_leaves_the_code_good(till, ana, rui, code_of):
    family = household_of(till, ana, rui, external_id="1981")
    founding, joining = code_of(ana), code_of(rui)
    body = {"name": "Dias", "primary": named(founding), "external_id": "1981"}
    till.refuses(409, "household_already_exists", "POST", "/households", body)
    is_good(till, founding)
    path = f"/households/{family['id']}/members"
    till.refuses(409, "already_in_household", "POST", path, named(joining))
    is_good(till, joining)


def test_what_is_nobodys_code_founds_and_joins_nothing(till, ana, rui, code_of, misses):
    family = household_of(till, ana)
    wrong = wrong_code(code_of(rui))
    refusal = till.refuses(
        422, "wrong_member_code", "POST", "/households", {"name": "D", "primary": named(wrong)}
    )
    assert list(refusal["errors"]) == ["primary.identifier.value"]
    till.refuses(
        422, "wrong_member_code", "POST", f"/households/{family['id']}/members", named(wrong)
    )
    assert misses() == 2
    assert len(till.get(f"/households/{family['id']}")["members"]) == 1


# -- whose points they are


def test_a_households_account_and_a_persons_are_not_merged(till, ana, rui):
    purse = household_of(till, ana)["accounts"][0]
    nobodys = till.post("/accounts", {"value": 10})
    for one, other in ((purse, rui), (rui, purse), (purse, nobodys), (nobodys, purse)):
        body = {"into": other["id"]}
        path = f"/accounts/{one['id']}/merge"
        refusal = till.refuses(422, "holders_differ", "POST", path, body)
        assert refusal["account"] == other["id"]
    assert till.get(f"/accounts/{rui['id']}")["status"] == "active"


def test_the_accounts_of_two_households_are_merged(till, ana, rui):
    source = household_of(till, ana)["accounts"][0]
    target = household_of(till, rui)["accounts"][0]
    till.post(f"/accounts/{source['id']}/adjustments", {"points": 50, "reason": "goodwill"})
    till.post(f"/accounts/{source['id']}/merge", {"into": target["id"]}, status=200)
    assert balance(till, target) == 50


def test_the_account_of_a_closed_household_stays_closed(till, ana):
    family = household_of(till, ana)
    purse = f"/accounts/{family['accounts'][0]['id']}"
    till.post(f"{purse}/close", status=200)
    assert till.post(f"{purse}/reopen", status=200)["status"] == "active"
    till.post(f"/households/{family['id']}/close", status=200)
    refusal = till.refuses(409, "household_closed", "POST", f"{purse}/reopen")
    assert refusal["household"] == family["id"]
    assert till.get(purse)["status"] == "closed"
    alone = enrolled(till)
    till.post(f"/accounts/{alone['id']}/close", status=200)
    till.post(f"/accounts/{alone['id']}/reopen", status=200)
