"""Asking whether points can be sent: yes, or every reason why not, of anyone by any name."""

import pytest

from tests.api.reading import code_in, enrolled, messages
from tests.api.sending import ANA, asked, balance, check, confirmed, send, wish


def test_a_check_says_yes_and_does_nothing(app, till, ana, rui):
    told = check(till, wish(ana, rui, note="For the cake"))
    assert told == {
        "transferable": True,
        "reasons": [],
        "recipient": {"display": "Ru… R… (…89)"},
        "remaining": 900,
        "warnings": [],
    }
    assert messages(app) == []
    assert balance(till, ana) == 1000


def test_a_code_goes_to_the_sender_and_names_what_it_is_for(app, till, ana, rui):
    told = asked(till, wish(ana, rui))
    assert told["transfer_request"].startswith("trq_")
    assert told["code_sent_to"] == "…78"
    assert told["resend_at"] < told["expires_at"]
    (message,) = messages(app)
    assert message["to"] == ANA
    assert "100 points" in message["body"]
    assert "Ru… R… (…89)" in message["body"]
    assert "Rui" not in message["body"]
    assert code_in(message)
    assert balance(till, ana) == 1000


def test_no_code_goes_out_where_it_cannot_be_done(app, till, ana, rui):
    told = check(till, wish(ana, rui, points=5000, issue_code=True))
    assert not told["transferable"]
    assert "transfer_request" not in told
    assert messages(app) == []


def test_a_code_that_cannot_be_sent_is_a_warning(till, ana, sending):
    bo = enrolled(till, points=500)
    (warning,) = asked(till, wish(bo, ana))["warnings"]
    assert (warning["code"], warning["legacy_code"]) == ("code_not_sent", 876)


def test_the_next_code_has_to_wait(till, ana, rui):
    asked(till, wish(ana, rui))
    again = asked(till, wish(ana, rui))
    (warning,) = again["warnings"]
    assert (warning["code"], warning["legacy_code"]) == ("code_not_sent", 860)
    assert again["resend_at"]


# -- every reason why not


def close(till, account):
    till.post(f"/accounts/{account['id']}/close", status=200)


def fraud(till, account):
    path = f"/customers/{account['customer']}/fraud-status"
    till.post(path, {"status": "confirmed"}, status=200)


def freeze(till, account):
    till.post(f"/accounts/{account['id']}/freeze", status=200)


REASONS = {
    "the same": ("same_customer", 418, {"to": {"identifier": {"type": "email",
                 "value": "ana@example.com"}}}, {}),
    "nobody": ("recipient_not_found", 816, {"to": {"identifier": {"type": "mobile",
               "value": "+351911111111"}}}, {}),
    "no such account": ("recipient_not_found", 816, {"to": {"account": "loy_0"}}, {}),
    "no phone number": ("recipient_not_found", 816, {"to": {"identifier": {"type": "mobile",
                        "value": "x"}}}, {}),
    "no such household": ("recipient_not_found", 816, {"to": {"household": "hh_0"}}, {}),
    "unknown sender": ("sender_not_found", 816, {"from": {"customer": "cus_0"}}, {}),
    "too few": ("transfer_below_minimum", 821, {"points": 5}, {"limit": 10}),
    "too many": ("transfer_above_maximum", 819, {"points": 605}, {"limit": 600}),
    "odd": ("transfer_not_a_multiple", 807, {"points": 101}, {"limit": 5}),
    "no such program": ("program_not_found", 895, {"program": "nowhere"}, {}),
    "another program": ("sender_not_enrolled", 881, {"program": "quiet"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("why", REASONS)
def test_each_reason_has_its_name_and_number(till, ana, rui, why):
    code, legacy_code, change, facts = REASONS[why]
    told = check(till, {**wish(ana, rui), **change, "issue_code": True})
    assert told["transferable"] is False
    assert told["remaining"] is None
    assert "transfer_request" not in told
    reason = next(one for one in told["reasons"] if one["code"] == code)
    assert reason["legacy_code"] == legacy_code
    assert reason["detail"]
    assert facts.items() <= reason.items()


STANDING = [
    (close, "sender", "sender_closed", None),
    (close, "recipient", "recipient_closed", None),
    (fraud, "sender", "sender_fraud", 415),
    (fraud, "recipient", "recipient_fraud", 414),
    (freeze, "sender", "sender_frozen", None),
]


@pytest.mark.parametrize(("spoil", "side", "code", "legacy_code"), STANDING)
def test_what_stands_against_a_side_is_told_and_stops_it(
    app, till, ana, rui, spoil, side, code, legacy_code
):
    """Told by the check; and checked again when it happens, the recipient too."""
    told = asked(till, wish(ana, rui))
    spoil(till, ana if side == "sender" else rui)
    (reason,) = check(till, wish(ana, rui))["reasons"]
    assert (reason["code"], reason["legacy_code"]) == (code, legacy_code)
    assert reason["field"] == {"sender": "from", "recipient": "to"}[side]
    refusal = till.refuses(422, code, "POST", "/transfers", confirmed(app, told))
    assert refusal.get("legacy_code") == legacy_code
    assert (balance(till, ana), balance(till, rui)) == (1000, 0)


def test_a_frozen_recipient_may_receive(app, till, ana, rui):
    freeze(till, rui)
    send(till, app, ana, rui)
    assert balance(till, rui) == 100


def test_not_enough_says_how_much_there_is(app, till, ana, rui):
    told = asked(till, wish(ana, rui, points=600))
    till.post("/redemptions", {"account": ana["id"], "points": 500})
    (reason,) = check(till, wish(ana, rui, points=600))["reasons"]
    assert (reason["code"], reason["legacy_code"]) == ("insufficient_points", 804)
    assert reason["available"] == 500
    refusal = till.refuses(422, "insufficient_points", "POST", "/transfers", confirmed(app, told))
    assert refusal["available"] == 500
    assert balance(till, rui) == 0


def test_who_has_not_joined_is_881(till, ana, rui):
    cora = enrolled(till, program="quiet", first_name="Cora")
    body = {**wish(ana, rui), "to": {"customer": cora["customer"]}}
    (reason,) = check(till, body)["reasons"]
    assert (reason["code"], reason["legacy_code"]) == ("recipient_not_enrolled", 881)
    assert (reason["customer"], reason["program"]) == (cora["customer"], "corner")


def test_who_was_merged_leads_to_the_survivor(till, ana, rui, sending):
    old = enrolled(till, points=50)
    till.post(f"/accounts/{old['id']}/merge", {"into": rui["id"]}, status=200)
    (reason,) = check(till, wish(ana, old))["reasons"]
    assert (reason["code"], reason["legacy_code"]) == ("recipient_merged", 419)
    assert reason["account"] == rui["id"]
    (reason,) = check(till, wish(old, ana))["reasons"]
    assert (reason["code"], reason["account"]) == ("sender_merged", rui["id"])


def test_a_program_may_keep_its_points_where_they_are(till, sending):
    one, other = (enrolled(till, program="quiet", points=100) for _ in range(2))
    (reason,) = check(till, wish(one, other))["reasons"]
    assert reason["code"] == "transfers_off"


def test_a_day_and_a_month_have_limits(app, till, ana, rui):
    send(till, app, ana, rui, points=600)
    told = check(till, wish(ana, rui, points=105))
    by_code = {reason["code"]: reason for reason in told["reasons"]}
    for code in ("transfer_above_daily_limit", "transfer_above_monthly_limit"):
        assert by_code[code]["legacy_code"] == 819
        assert (by_code[code]["limit"], by_code[code]["available"]) == (700, 100)


def test_all_reasons_come_at_once(till, ana, rui):
    fraud(till, rui)
    close(till, rui)
    freeze(till, ana)
    told = check(till, wish(ana, rui, points=6001))
    assert {reason["code"] for reason in told["reasons"]} >= {
        "recipient_fraud",
        "recipient_closed",
        "sender_frozen",
        "transfer_above_maximum",
        "transfer_not_a_multiple",
        "insufficient_points",
    }


# -- by any name


SIDES = [
    {"account": "$ACCOUNT"},
    {"customer": "$CUSTOMER"},
    {"customer": "$CUSTOMER", "program": "corner"},
    {"identifier": {"type": "mobile", "value": "$MOBILE"}},
    {"identifier": {"type": "email", "value": "$EMAIL"}},
    {"identifier": {"type": "external_id", "value": "$EXTERNAL"}},
    {"identifier": {"type": "card_number", "value": "$CARD"}},
]


def named(naming, account, name):
    known = {
        "$ACCOUNT": account["id"],
        "$CUSTOMER": account["customer"],
        "$MOBILE": {"ana": "912 345 678", "rui": "+351 919 999 989"}[name],
        "$EMAIL": f"{name.upper()}@example.com",
        "$EXTERNAL": name,
        "$CARD": {"ana": "A-1", "rui": "R-1"}[name],
    }

    def put(value):
        if isinstance(value, dict):
            return {inner: put(one) for inner, one in value.items()}
        return known.get(value, value)

    return put(naming)


@pytest.mark.parametrize("naming", SIDES)
def test_each_side_is_named_in_any_way(app, till, ana, rui, naming):
    body = {
        "from": named(naming, ana, "ana"),
        "to": named(naming, rui, "rui"),
        "points": 100,
        "issue_code": True,
    }
    told = check(till, body)
    assert told["transferable"], told
    receipt = till.post("/transfers", confirmed(app, told))
    assert (receipt["from"]["account"], receipt["to"]["account"]) == (ana["id"], rui["id"])


def test_two_programs_in_one_request_are_refused(till, ana, rui):
    body = {**wish(ana, rui), "program": "corner"}
    body["to"] = {**body["to"], "program": "quiet"}
    refusal = till.refuses(422, "invalid_fields", "POST", "/transfers/check", body)
    assert set(refusal["errors"]) == {"program", "to.program"}
