"""Vouchers at the endpoint: issued with consent, used once, cancelled, listed."""

import json
import re
import threading

import pytest
import requests
from sqlalchemy import select

from portal import rewards
from portal.clock import now
from portal.outbox.models import Message
from portal.web.api import reward_shapes
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply, fits

CARD = {"type": "card_number", "value": "C-1"}
PHONE = {"type": "mobile", "value": "+351 912 345 678"}
TILLS = 100


@pytest.fixture
def mug(reward):
    reward()


@pytest.fixture
def asking(app):
    """Puts a way of approval in force."""

    def ask(approval, above=0):
        with app.app_context():
            apply(CORNER | {"redemption": {"approval": approval, "approval_above": above}})

    return ask


@pytest.fixture
def code(app):
    """The code that was sent last, and what its message says."""

    def read():
        with app.app_context():
            message = db.session.execute(
                select(Message.id, Message.content)
                .where(Message.purpose == "reward")
                .order_by(Message.created_at.desc(), Message.id.desc())
            ).first()
            db.session.remove()
        sealed = app.extensions["portal_cipher"].open(message.content, name=message.id)
        text = json.loads(sealed)["body"]
        return re.search(r"\b\d{6}\b", text)[0], text

    return read


def wish(**more):
    return {"identifier": CARD, "reward": "mug", **more}


def balance(till, member):
    return till.get(f"/accounts/{member['id']}")["balance"]


# -- issued


def test_points_become_a_voucher(till, member, mug):
    issued = till.post("/vouchers", wish(store="lisbon-1", till="2"))
    fits(reward_shapes.VoucherShape, issued)
    assert (issued["status"], issued["points"], issued["reward"]) == ("issued", 500, "mug")
    assert issued["account"] == member["id"]
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{16}", issued["code"])
    assert issued["spoken_code"].replace("-", "") == issued["code"]
    assert issued["expires_at"] > issued["issued_at"]
    assert balance(till, member) == 500
    (line,) = till.get(f"/accounts/{member['id']}/transactions", type="redeem")["data"]
    assert (line["event"]["name"], line["event"]["store"]) == ("VoucherIssued", "lisbon-1")


def test_the_program_of_the_reward_is_meant(app, till, member, reward):
    with app.app_context():
        apply(CORNER | {"id": "club", "name": "Club", "default": False})
    reward(id="scarf", program="club", price=100)
    till.refuses(404, "not_enrolled", "POST", "/vouchers", wish(reward="scarf"))
    made = till.post("/accounts", {"customer": member["customer"], "program": "club", "value": 100})
    issued = till.post("/vouchers", wish(reward="scarf"))
    assert (issued["account"], issued["program"]) == (made["id"], "club")
    till.refuses(
        422, "reward_other_program", "POST", "/vouchers",
        {"account": member["id"], "reward": "scarf"},
    )  # fmt: skip


def test_why_it_cannot_be_had_is_said_by_name(till, member, reward):
    reward(price=1001)
    refusal = till.refuses(422, "insufficient_points", "POST", "/vouchers", wish())
    assert refusal["available"] == 1000
    reward(stock=0)
    till.refuses(422, "reward_out_of_stock", "POST", "/vouchers", wish())
    reward(price=100, per_member=1)
    till.post("/vouchers", wish())
    till.refuses(422, "reward_limit_reached", "POST", "/vouchers", wish())
    till.refuses(404, "reward_not_found", "POST", "/vouchers", wish(reward="nothing"))
    stranger = {"type": "card_number", "value": "nobody"}
    till.refuses(404, "customer_not_found", "POST", "/vouchers", wish(identifier=stranger))
    assert balance(till, member) == 900


def test_the_same_key_gives_the_same_voucher_byte_for_byte(till, member, mug):
    first = till("POST", "/vouchers", wish(), key="k")
    again = till("POST", "/vouchers", wish(), key="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Hit"] == "true"
    assert balance(till, member) == 500
    other = till("POST", "/vouchers", wish(till="9"), key="k")
    till.check(other, 422, "idempotency_key_reused")
    refused = [till("POST", "/vouchers", wish(reward="nothing"), key="n") for _ in range(2)]
    assert refused[0].data == refused[1].data
    assert refused[1].headers["Idempotency-Hit"] == "true"


# -- with consent


@pytest.mark.parametrize(
    ("approval", "above", "identifier", "asked"),
    [
        ("none", 0, PHONE, None),
        ("auto", 0, CARD, None),
        ("auto", 0, PHONE, "one_time_code"),
        ("auto", 500, PHONE, None),
        ("auto", 499, PHONE, "one_time_code"),
        ("member_code", 0, CARD, "member_code"),
        ("member_code", 500, CARD, None),
        ("one_time_code", 0, CARD, "one_time_code"),
    ],
)
def test_a_voucher_takes_the_consent_that_its_points_would(
    till, member, mug, asking, approval, above, identifier, asked
):
    asking(approval, above)
    body = wish(identifier=identifier)
    if asked is None:
        till.post("/vouchers", body)
        return
    refusal = till.refuses(422, "approval_needed", "POST", "/vouchers", body)
    assert (refusal["approval"], refusal["legacy_code"]) == (asked, 824)
    assert "code_sent" not in refusal
    assert balance(till, member) == 1000


def test_a_member_code_approves_a_voucher(till, member, mug, asking, shown_code):
    asking("member_code")
    code = shown_code(member["customer"])
    issued = till.post("/vouchers", wish(approval={"member_code": code}))
    assert issued["points"] == 500
    refusal = till.refuses(
        422, "member_code_used", "POST", "/vouchers", wish(approval={"member_code": code})
    )
    assert refusal["legacy_code"] == 808
    following = {"type": "member_code", "value": shown_code(member["customer"])}
    till.post("/vouchers", wish(identifier=following))
    assert balance(till, member) == 0


def test_a_code_that_is_sent_for_a_voucher_lets_it_through_once(till, member, mug, asking, code):
    asking("auto")
    body = wish(identifier=PHONE)
    refusal = till.refuses(
        422, "approval_needed", "POST", "/vouchers", {**body, "issue_code": True}
    )
    assert (refusal["approval"], refusal["code_sent"]) == ("one_time_code", True)
    sent, text = code()
    assert "“Mug” for 500 points" in text
    wrong = f"{(int(sent) + 1) % 1_000_000:06d}"
    refusal = till.refuses(
        422, "wrong_code", "POST", "/vouchers", {**body, "approval": {"one_time_code": wrong}}
    )
    assert refusal["tries_left"] == 4
    till.post("/vouchers", {**body, "approval": {"one_time_code": sent}})
    till.refuses(
        422, "code_used", "POST", "/vouchers", {**body, "approval": {"one_time_code": sent}}
    )
    assert balance(till, member) == 500


def test_the_same_key_sends_one_code(app, till, member, mug, asking):
    asking("one_time_code")
    first, again = (till("POST", "/vouchers", wish(issue_code=True), key="k") for _ in range(2))
    assert (first.json["code_sent"], first.data) == (True, again.data)
    assert again.headers["Idempotency-Hit"] == "true"
    with app.app_context():
        messages = select(Message.id).where(Message.purpose == "reward")
        assert len(db.session.execute(messages).all()) == 1
        db.session.remove()


def test_a_code_is_for_this_reward_at_this_price(till, member, reward, asking, code):
    reward()
    reward(id="cup", name="Cup", price=200)
    asking("one_time_code")
    till("POST", "/vouchers", wish(issue_code=True))
    approval = {"approval": {"one_time_code": code()[0]}}
    till.refuses(422, "code_expired", "POST", "/vouchers", wish(reward="cup", **approval))
    reward(price=600)
    till.refuses(422, "wrong_code", "POST", "/vouchers", wish(**approval))
    assert balance(till, member) == 1000


def test_no_code_is_sent_where_none_is_asked_for_or_nothing_can_be_had(
    app, till, member, reward, asking
):
    reward()
    asking("auto")
    assert till.post("/vouchers", wish(issue_code=True))["points"] == 500
    reward(price=2000)
    refusal = till.refuses(
        422, "insufficient_points", "POST", "/vouchers", wish(identifier=PHONE, issue_code=True)
    )
    assert refusal["available"] == 500
    with app.app_context():
        messages = select(Message.id).where(Message.purpose == "reward")
        assert db.session.execute(messages).all() == []
        db.session.remove()


def test_a_code_that_cannot_be_sent_is_said(till, reward, asking):
    reward(price=100)
    asking("one_time_code")
    till.post("/accounts", {"customer": {"email": "no-sms@example.com"}, "value": 500})
    email = {"type": "email", "value": "no-sms@example.com"}
    body = wish(identifier=email, issue_code=True)
    assert till.refuses(422, "approval_needed", "POST", "/vouchers", body)["code_sent"] is False


# -- used


def test_a_voucher_is_used_on_an_order(till, member, reward):
    reward(kind="share_off", value="0.10")
    issued = till.post("/vouchers", wish())
    spoken = issued["spoken_code"].lower()
    order = {"id": "R-1", "value": 1999, "currency": "EUR"}
    used = till.post(
        f"/vouchers/{spoken}/use", {"order": order, "store": "s1", "till": "2"}, status=200
    )
    fits(reward_shapes.UsedVoucher, used)
    assert used["off"] == {"amount": 199, "currency": "EUR"}
    assert (used["status"], used["store"], used["till"], used["order"]) == (
        "used",
        "s1",
        "2",
        "R-1",
    )
    assert used["code"] == issued["code"]
    read = till.get(f"/vouchers/{issued['code']}")
    fits(reward_shapes.VoucherShape, read)
    assert read == {name: value for name, value in used.items() if name != "off"}
    refusal = till.refuses(409, "voucher_used", "POST", f"/vouchers/{spoken}/use")
    assert refusal["store"] == "s1"
    till.refuses(409, "voucher_used", "POST", f"/vouchers/{spoken}/cancel")
    assert balance(till, member) == 500


@pytest.mark.parametrize("body", [None, {}, {"order": {"id": "R-1"}}])
def test_a_voucher_is_used_without_an_order_or_its_value(till, member, mug, body):
    issued = till.post("/vouchers", wish())
    used = till.post(f"/vouchers/{issued['code']}/use", body, status=200)
    assert (used["status"], used["off"]) == ("used", None)


def test_a_hundred_tills_at_once_use_a_voucher_once(server, till, member, mug):
    code = till.post("/vouchers", wish())["code"]
    barrier, answers = threading.Barrier(TILLS), []

    def use(number):
        headers = {"Authorization": f"Bearer {till.key}", "Idempotency-Key": f"use-{number}"}
        barrier.wait(60)
        while True:
            try:
                answer = requests.post(
                    f"{server}/api/v1/vouchers/{code}/use",
                    json={"till": str(number)},
                    headers=headers,
                    timeout=60,
                )
            except requests.ConnectionError:
                continue
            if answer.status_code not in (503, 429):
                answers.append((answer.status_code, answer.json().get("code")))
                return

    threads = [threading.Thread(target=use, args=(number,)) for number in range(TILLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(200, code)] + [(409, "voucher_used")] * (TILLS - 1)
    assert balance(till, member) == 500


def test_the_same_key_uses_a_voucher_once_and_answers_the_same(till, member, mug):
    code = till.post("/vouchers", wish())["code"]
    first = till("POST", f"/vouchers/{code}/use", {"till": "1"}, key="k")
    again = till("POST", f"/vouchers/{code}/use", {"till": "1"}, key="k")
    assert (first.status_code, first.data) == (200, again.data)
    assert again.headers["Idempotency-Hit"] == "true"


def test_it_is_used_where_it_is_good_only(key_for, till, member, reward):
    reward(stores=["S1"])
    issued = till.post("/vouchers", wish(store="S1"))
    path = f"/vouchers/{issued['code']}/use"
    till.refuses(422, "voucher_needs_store", "POST", path)
    till.refuses(422, "voucher_other_store", "POST", path, {"store": "S2"})
    bound = key_for("voucher", store="S2")
    bound.refuses(422, "voucher_other_store", "POST", path)
    bound.refuses(403, "other_store", "POST", path, {"store": "S1"})
    assert key_for("voucher", store="S1").post(path, status=200)["store"] == "S1"


# -- cancelled


def test_a_cancelled_voucher_gives_the_same_points_back(till, member, mug):
    deadlines = till.get(f"/accounts/{member['id']}")["expiring_point_deadlines"]
    issued = till.post("/vouchers", wish())
    cancelled = till.post(f"/vouchers/{issued['code']}/cancel", status=200)
    fits(reward_shapes.VoucherShape, cancelled)
    assert (cancelled["status"], bool(cancelled["cancelled_at"])) == ("cancelled", True)
    assert till.get(f"/accounts/{member['id']}")["expiring_point_deadlines"] == deadlines
    till.refuses(409, "voucher_cancelled", "POST", f"/vouchers/{issued['code']}/cancel")
    till.refuses(409, "voucher_cancelled", "POST", f"/vouchers/{issued['code']}/use")


def test_the_redemption_behind_a_voucher_is_not_taken_back_past_it(app, till, member, mug):
    code = till.post("/vouchers", wish())["code"]
    with app.app_context():
        behind = rewards.voucher(db.session(), code=code, at=now()).redemption_id
        db.session.remove()
    for verb in ("capture", "void", "reversals"):
        till.refuses(409, "redemption_of_voucher", "POST", f"/redemptions/{behind}/{verb}")
    assert till.get(f"/vouchers/{code}")["status"] == "issued"
    assert balance(till, member) == 500


# -- looked up


def test_vouchers_are_listed_newest_first_in_pages(till, member, reward):
    reward(price=10)
    made = [till.post("/vouchers", wish())["id"] for _ in range(5)]
    till.post(f"/vouchers/{till.get('/vouchers', account=member['id'])['data'][0]['code']}/use",
              status=200)  # fmt: skip
    first = till.get("/vouchers", account=member["id"], limit=2)
    fits(reward_shapes.VoucherList, first)
    second = till.get("/vouchers", account=member["id"], limit=3, cursor=first["next_cursor"])
    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None
    used = till.get("/vouchers", account=member["id"], status="used")["data"]
    assert [one["id"] for one in used] == made[-1:]
    assert len(till.get("/vouchers", account=member["id"], status="issued")["data"]) == 4
    till.refuses(422, "invalid_cursor", "GET", f"/vouchers?account={member['id']}&cursor=x")


def test_a_customer_lists_the_vouchers_of_all_their_programs(app, till, member, reward):
    with app.app_context():
        apply(CORNER | {"id": "club", "name": "Club", "default": False})
    till.post("/accounts", {"customer": member["customer"], "program": "club", "value": 100})
    reward(price=10)
    reward(id="scarf", program="club", price=10)
    for prize in ("mug", "scarf"):
        till.post("/vouchers", wish(reward=prize))
    listed = till.get("/vouchers", customer=member["customer"])["data"]
    assert [one["program"] for one in listed] == ["club", "corner"]
    one = till.get("/vouchers", customer=member["customer"], program="club")["data"]
    assert [voucher["program"] for voucher in one] == ["club"]


def test_a_list_tells_no_code_that_points_would_need_consent_for(till, member, mug, asking):
    issued = till.post("/vouchers", wish())
    asking("auto")
    phone = {"identifier_type": "mobile", "identifier_value": "912345678"}
    card = {"identifier_type": "card_number", "identifier_value": "C-1"}
    (hidden,) = till.get("/vouchers", **phone)["data"]
    assert (hidden["code"], hidden["spoken_code"], hidden["id"]) == (None, None, issued["id"])
    fits(reward_shapes.VoucherShape, hidden)
    assert till.get("/vouchers", **card)["data"][0]["code"] == issued["code"]
    asking("member_code")
    assert till.get("/vouchers", **card)["data"][0]["code"] is None


@pytest.mark.parametrize("approval", ["none", "auto"])
def test_who_only_reads_is_told_no_code_in_a_list_however_it_came_to_the_member(
    key_for, till, member, mug, asking, approval
):
    asking(approval)
    issued = till.post("/vouchers", wish())
    reader = key_for("read")
    query = {"identifier_type": "mobile", "identifier_value": "912345678"}
    account = reader.get("/accounts", **query)["data"][0]
    for naming in (
        {"customer": account["customer"]},
        {"account": account["id"]},
        {"identifier_type": "card_number", "identifier_value": "C-1"},
    ):
        (listed,) = reader.get("/vouchers", **naming)["data"]
        assert (listed["id"], listed["code"], listed["spoken_code"]) == (issued["id"], None, None)
    # Who has the code was told it already.
    assert reader.get(f"/vouchers/{issued['code']}")["id"] == issued["id"]


@pytest.mark.parametrize(("above", "told"), [(499, False), (500, True)])
def test_an_id_that_a_phone_number_leads_to_shows_no_card(
    key_for, till, member, mug, asking, above, told
):
    asking("auto", above)
    code = till.post("/vouchers", wish())["code"]
    user = key_for("read", "voucher")
    for naming in ({"customer": member["customer"]}, {"account": member["id"]}):
        (listed,) = user.get("/vouchers", **naming)["data"]
        assert listed["code"] == (code if told else None)
    card = {"identifier_type": "card_number", "identifier_value": "C-1"}
    assert user.get("/vouchers", **card)["data"][0]["code"] == code


def test_a_quote_tells_no_codes_to_who_may_not_use_them(key_for, till, member, reward):
    reward(kind="amount_off", value=500)
    code = till.post("/vouchers", wish())["code"]
    body = {"identifier": CARD, "order": {"value": 2000, "currency": "EUR"}}
    for scopes, told in ((("redeem", "earn", "read"), None), (("redeem", "voucher"), code)):
        (listed,) = key_for(*scopes).post("/quotes", body, status=200)["vouchers"]
        assert listed["code"] == told


def test_what_is_no_voucher_is_not_found(till, mug):
    for code, name in [
        ("0000000000000000", "voucher_not_found"),
        ("7K3M-9QXV-2HTR-WD5F", "voucher_code_malformed"),
        ("short", "voucher_code_malformed"),
        ("vou_1", "not_found"),
        ("%F0%9F%8E%81", "not_found"),
    ]:
        till.refuses(404, name, "GET", f"/vouchers/{code}")
    till.refuses(404, "voucher_not_found", "POST", "/vouchers/0000000000000000/use")
    till.refuses(404, "voucher_not_found", "POST", "/vouchers/0000000000000000/cancel")


# -- strict, and for those who may


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reward": None}, "reward"),
        ({"reward": 5}, "reward"),
        ({"reward": "../mug"}, "reward"),
        ({"reward": "m" * 37}, "reward"),
        ({"identifier": {"type": "card_number"}}, "identifier.value"),
        ({"account": "loy_1"}, "identifier"),
        ({"store": ""}, "store"),
        ({"till": "t" * 65}, "till"),
        ({"issue_code": "true"}, "issue_code"),
        ({"issue_code": 1}, "issue_code"),
        ({"issue_code": True, "approval": {"one_time_code": "123456"}}, "issue_code"),
        ({"approval": {}}, "approval.member_code"),
        ({"approval": {"member_code": "1", "one_time_code": "1"}}, "approval.member_code"),
        ({"approval": {"member_code": 1}}, "approval.member_code"),
        ({"approval": "123456"}, "approval"),
        ({"points": 5}, "points"),
    ],
)
def test_each_wrong_field_of_a_wish_is_named(till, member, mug, change, field):
    refusal = till.refuses(422, "invalid_fields", "POST", "/vouchers", wish(**change))
    assert field in refusal["errors"], refusal["errors"]
    assert balance(till, member) == 1000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"order": "R-1"}, "order"),
        ({"order": {}}, "order.id"),
        ({"order": {"id": "R", "value": 1}}, "order.currency"),
        ({"order": {"id": "R", "currency": "EUR"}}, "order.value"),
        ({"order": {"id": "R", "value": 1.5, "currency": "EUR"}}, "order.value"),
        ({"order": {"id": "R", "value": True, "currency": "EUR"}}, "order.value"),
        ({"order": {"id": "R", "value": -1, "currency": "EUR"}}, "order.value"),
        ({"order": {"id": "R", "value": 1, "currency": "€"}}, "order.currency"),
        ({"order": {"id": "\u0007"}}, "order.id"),
        ({"store": 5}, "store"),
        ({"till": None}, "till"),
        ({"code": "x"}, "code"),
    ],
)
def test_each_wrong_field_of_a_use_is_named(till, member, mug, body, field):
    code = till.post("/vouchers", wish())["code"]
    refusal = till.refuses(422, "invalid_fields", "POST", f"/vouchers/{code}/use", body)
    assert field in refusal["errors"], refusal["errors"]
    assert till.get(f"/vouchers/{code}")["status"] == "issued"
    till.refuses(422, "invalid_fields", "POST", f"/vouchers/{code}/cancel", {"reason": "x"})


@pytest.mark.parametrize("query", ["", "status=open", "limit=0", "account=loy_1&limit=101"])
def test_each_wrong_parameter_of_a_list_is_refused(till, query):
    till.refuses(422, "invalid_fields", "GET", f"/vouchers?{query}")


def test_each_route_asks_for_its_scope(key_for, till, member, mug):
    code = till.post("/vouchers", wish())["code"]
    routes = [
        ("GET", "/rewards", None, {"read", "voucher"}),
        ("GET", "/rewards/mug", None, {"read", "voucher"}),
        ("GET", f"/vouchers?account={member['id']}", None, {"read", "voucher"}),
        ("GET", f"/vouchers/{code}", None, {"read", "voucher"}),
        ("POST", f"/vouchers/{code}/use", None, {"voucher"}),
        ("POST", f"/vouchers/{code}/cancel", None, {"voucher"}),
        ("POST", "/vouchers", wish(), {"voucher"}),
    ]
    for scope in ("read", "redeem", "manage", "earn", "voucher"):
        caller = key_for(scope)
        for method, path, body, allowed in routes:
            answer = caller(method, path, body)
            if scope in allowed:
                assert answer.status_code in (200, 201, 409), (scope, path, answer.text)
            else:
                caller.check(answer, 403, "scope_missing")
