"""What waits for its code: looked at, sent a new one, called off, and in the way of a merge."""

import pytest

from tests.api.reading import code_in, enrolled, last_code, messages, wait_a_minute
from tests.api.sending import asked, balance, check, confirmed, wish

REQUESTS = "/transfers/requests"


@pytest.fixture
def told(till, ana, rui):
    """A request whose code went out."""
    return asked(till, wish(ana, rui, note="For the cake"))


def path(told, action=""):
    return f"{REQUESTS}/{told['transfer_request']}{action}"


def test_a_request_says_what_it_waits_for(till, ana, rui, told):
    shown = till.get(path(told))
    assert (shown["status"], shown["points"], shown["note"]) == ("open", 100, "For the cake")
    assert (shown["from"]["account"], shown["to"]["account"]) == (ana["id"], rui["id"])
    assert shown["transferred_by"] == ana["customer"]
    assert shown["expires_at"] == told["expires_at"]
    assert (shown["code_sent_to"], shown["resend_at"]) == ("…78", told["resend_at"])
    assert shown["transfer"] is None


def test_a_used_request_names_its_receipt(app, till, told):
    receipt = till.post("/transfers", confirmed(app, told))
    shown = till.get(path(told))
    assert (shown["status"], shown["transfer"]) == ("used", receipt["id"])
    for action in ("/code", "/cancel"):
        refusal = till.refuses(409, "transfer_request_used", "POST", path(told, action))
        assert refusal["transfer"] == receipt["id"]


def test_a_new_code_has_to_wait_and_ends_the_one_before(app, till, rui, told):
    response = till("POST", path(told, "/code"))
    refusal = till.check(response, 429, "too_many_codes")
    assert refusal["legacy_code"] == 860
    assert 0 < int(response.headers["Retry-After"]) <= 30
    old = last_code(app)
    wait_a_minute(app)
    till.post(path(told, "/code"), status=200)
    assert len([message for message in messages(app) if code_in(message)]) == 2
    body = {"transfer_request": told["transfer_request"], "code": old}
    if old != last_code(app):
        till.refuses(422, "wrong_code", "POST", "/transfers", body)
    till.post("/transfers", {**body, "code": last_code(app)})
    assert balance(till, rui) == 100


def test_a_request_without_a_code_gets_one_when_it_may(app, till, ana, rui, told):
    second = asked(till, wish(ana, rui, points=50))
    assert second["warnings"][0]["legacy_code"] == 860
    wait_a_minute(app)
    assert till.post(path(second, "/code"), status=200)["code_sent_to"] == "…78"
    till.post("/transfers", confirmed(app, second))
    assert balance(till, rui) == 50


def test_without_any_contact_no_code_goes_out(till, ana, sending):
    told = asked(till, wish(enrolled(till, points=100), ana))
    refusal = till.refuses(422, "code_not_sent", "POST", path(told, "/code"))
    assert refusal["legacy_code"] == 860


def test_a_cancelled_request_is_over(app, till, ana, rui, told):
    code = last_code(app)
    over = till.post(path(told, "/cancel"), status=200)
    assert (over["status"], over["note"]) == ("cancelled", None)
    assert till.post(path(told, "/cancel"), status=200) == over
    body = {"transfer_request": told["transfer_request"], "code": code}
    till.refuses(422, "transfer_request_cancelled", "POST", "/transfers", body)
    till.refuses(422, "transfer_request_cancelled", "POST", path(told, "/code"))
    assert (balance(till, ana), balance(till, rui)) == (1000, 0)


def test_another_client_knows_nothing_of_it(key_for, told):
    other = key_for("transfer", "read")
    for method, action in (("GET", ""), ("POST", "/code"), ("POST", "/cancel")):
        other.refuses(404, "transfer_request_not_found", method, path(told, action))


def test_it_takes_the_scope_for_transfers(key_for, told):
    poor = key_for("read", "enrol", "redeem", "earn", "reverse", "adjust", "voucher", "manage")
    for method, action in (("GET", ""), ("POST", "/code"), ("POST", "/cancel")):
        poor.refuses(403, "scope_missing", method, path(told, action))


@pytest.mark.parametrize("side", ["sender", "recipient"])
def test_an_account_is_not_merged_while_a_transfer_waits(till, ana, rui, told, side):
    survivor = enrolled(till)
    merge = f"/accounts/{(ana if side == 'sender' else rui)['id']}/merge"
    refusal = till.refuses(409, "transfers_pending", "POST", merge, {"into": survivor["id"]})
    assert refusal["transfers"] == [told["transfer_request"]]
    till.post(path(told, "/cancel"), status=200)
    till.post(merge, {"into": survivor["id"]}, status=200)


def test_the_survivor_of_a_merge_may_have_transfers_that_wait(app, till, ana, rui, told):
    old = enrolled(till, points=30)
    till.post(f"/accounts/{old['id']}/merge", {"into": rui["id"]}, status=200)
    till.post("/transfers", confirmed(app, told))
    assert balance(till, rui) == 130
    assert check(till, wish(ana, rui))["transferable"]
