"""The transfer samples of document 003, put into our words, give what the document says.

Its programs keep tenths of points, so that its 10.5 points are 105 here; it
cuts them to 10.0, we do not. Its numbers of customers and groups are external
ids here, as whoever migrates would keep them.
"""

from decimal import Decimal

import pytest

from portal import clock, members, orm
from portal.members import NewIdentifier
from portal.web.extensions import db
from tests.api.conftest import CORNER, apply
from tests.api.reading import code_in, enrolled, last_code, messages

CUSTOMER_CHECK = {
    "pointsTobeTransferred": 10,
    "groupProgramTransfer": "false",
    "notes": "Sample notes",
    "programId": 141,
    "fromCustomerIdentifier": {"type": "MOBILE", "value": "7799497290"},
    "toCustomerIdentifier": {"type": "ID", "value": "342953257"},
    "issueOtp": True,
}
CUSTOMER_TRANSFER = {
    # Its request says 123 and another note, its answer 15.0 and this one.
    "pointsTobeTransferred": 15.0,
    "groupProgramTransfer": "false",
    "programId": 141,
    "notes": "Transfer points to James",
    "fromCustomerIdentifier": {"type": "MOBILE", "value": "7799000000"},
    "toCustomerIdentifier": {"type": "ID", "value": "342953257"},
}
GROUP_CHECK = {
    "pointsTobeTransferred": 10.5,
    "notes": "notes123",
    "programId": 765,
    "transferredBy": {
        "identifierType": "mobile",
        "identifierValue": "915410000000",
        "source": "WECHAT",
        "accountId": "WECHAT-SN",
    },
    "toEntity": {
        "type": "CUSTOMER",
        "identifierType": "mobile",
        "identifierValue": "918410000000",
        "accountId": "WECHAT-SN",
        "source": "WECHAT",
    },
    "fromEntity": {"type": "USERGROUP2", "identifierType": "id", "identifierValue": "1981"},
}
GROUP_TRANSFER = {
    **GROUP_CHECK,
    "transferredBy": {**GROUP_CHECK["transferredBy"], "identifierValue": "915662420128"},
    "toEntity": {**GROUP_CHECK["toEntity"], "identifierValue": "918662420128"},
    "fromEntity": {**GROUP_CHECK["fromEntity"], "identifierValue": "2626"},
}
GROUP = [
    # userId, defaultGroup, primaryMember; all of them active
    ("418400982", True, True),
    ("418400981", False, False),
    ("418400980", False, False),
    ("418400984", True, False),
    ("418400985", True, False),
]
LIFETIME_PURCHASES, CURRENT_POINTS = 400, 70
"""Of the group, in rupees and in points."""
DECIMALS = 1


def points(shown):
    """An amount of the document in the smallest unit."""
    smallest = Decimal(str(shown)) * 10**DECIMALS
    assert smallest == int(smallest)
    return int(smallest)


def paise(rupees):
    return rupees * 100


def named(theirs):
    """Someone of the document, in our words."""
    type = theirs.get("identifierType", theirs.get("type", "")).lower()
    identifier = {
        "type": {"id": "external_id", "mobile": "mobile"}[type],
        "value": theirs.get("identifierValue", theirs.get("value")),
    }
    if "accountId" in theirs:
        identifier |= {"source": theirs["source"], "source_account": theirs["accountId"]}
    return {"identifier": identifier}


def in_our_words(sample, **more):
    """A request of the document as the endpoint takes it."""
    body = {
        "from": named(sample.get("fromCustomerIdentifier") or sample["fromEntity"]),
        "to": named(sample.get("toCustomerIdentifier") or sample["toEntity"]),
        "points": points(sample["pointsTobeTransferred"]),
        "program": str(sample["programId"]),
        "note": sample["notes"],
        "issue_code": sample.get("issueOtp", False),
    }
    if "transferredBy" in sample:
        body["transferred_by"] = named(sample["transferredBy"])
    return body | more


@pytest.fixture
def portal(app):
    """The document's two programs, for phones of India."""
    app.config["PORTAL"] = app.config["PORTAL"].model_copy(update={"phone_region": "IN"})
    program = CORNER | {
        "decimals": DECIMALS,
        "timezone": "Asia/Kolkata",
        "rate": None,
        "transfers": {"enabled": True},
        "earning": [
            # 80.5 points for what the group bought.
            {
                "id": "base",
                "kind": "spend",
                "currency": "INR",
                "per": paise(LIFETIME_PURCHASES),
                "points": points(CURRENT_POINTS + 10.5),
            }
        ],
    }
    with app.app_context():
        apply(program | {"id": "141", "name": "Nightly_ApiAutoDefaultProgram"})
        apply(program | {"id": "765", "name": "SunRiseDefaultProgram", "default": False})


@pytest.fixture
def tom(till, portal):
    """Sends points to James."""
    return [
        enrolled(till, mobile=mobile, first_name="Tom", last_name="Sawyer", points=points(30))
        for mobile in ("7799497290", "7799000000")
    ]


@pytest.fixture
def james(till, portal):
    return enrolled(till, external_id="342953257", first_name="James", last_name="Thomas")


def person(app, till, *identifiers):
    """A member of program 765 who is known by several sources."""
    with app.app_context():
        with orm.writing(db.session()) as session:
            made = members.create_customer(
                session,
                identifiers=[NewIdentifier(**one) for one in identifiers],
                at=clock.now(),
                region="IN",
            )
        db.session.remove()
    return till.post("/accounts", {"customer": made.id, "program": "765"})


def mobile(sample, who):
    """How someone is known to the document's source."""
    theirs = sample[who]
    return {
        "type": "mobile",
        "value": theirs["identifierValue"],
        "source": theirs["source"],
        "source_account": theirs["accountId"],
    }


def group(till, number, people):
    """The document's group: the people of :data:`GROUP`, as each of them is in it."""
    primary, *others = people
    path = "/households"
    made = till.post(
        path,
        {
            "name": f"Fleet {number}",
            "external_id": number,
            "program": "765",
            "primary": {"account": primary["id"]},
        },
    )
    for account, (_, default, _) in zip(others, GROUP[1:], strict=False):
        made = till.post(
            f"{path}/{made['id']}/members", {"account": account["id"], "default": default}
        )
    return made


@pytest.fixture
def fleet(app, till, portal):
    """Group 2626, which has bought for 400 rupees; the last one that it knows receives."""
    wanted = {"418400982": "transferredBy", "418400980": "toEntity"}
    people = [
        person(
            app,
            till,
            {"type": "external_id", "value": number},
            *([mobile(GROUP_TRANSFER, wanted[number])] if number in wanted else []),
        )
        for number, _, _ in GROUP
    ]
    made = group(till, "2626", people)
    bought = {"id": "R-1", "value": paise(LIFETIME_PURCHASES), "currency": "INR"}
    till.post("/orders", {**bought, "customer": people[0]["customer"], "program": "765"})
    return made


def test_the_customer_check(app, till, tom, james):
    told = till.post("/transfers/check", in_our_words(CUSTOMER_CHECK), status=200)
    assert told["transferable"] is True
    assert told["reasons"] == told["warnings"] == []
    assert told["recipient"] == {"display": "Ja… T…"}
    assert told["remaining"] == points(20)
    # issueOtp: the code went to the customer whose points they are.
    (message,) = messages(app)
    assert message["to"] == "+917799497290"
    assert "10 points" in message["body"]
    assert code_in(message)


def test_without_issue_otp_no_code_goes_out(app, till, tom, james):
    sample = {name: value for name, value in CUSTOMER_CHECK.items() if name != "issueOtp"}
    told = till.post("/transfers/check", in_our_words(sample), status=200)
    assert told["transferable"] is True
    assert "transfer_request" not in told
    assert messages(app) == []


def test_the_customer_transfer(app, till, tom, james):
    body = in_our_words(CUSTOMER_TRANSFER, issue_code=True)
    request = till.post("/transfers/check", body, status=200)["transfer_request"]
    sent = {"transfer_request": request, "code": "X12Y3Z"}
    refusal = till.refuses(422, "code_malformed", "POST", "/transfers", sent)
    assert refusal["legacy_code"] == 808
    receipt = till.post("/transfers", {**sent, "code": last_code(app, "+917799000000")})
    assert receipt["direction"] == "out"  # DEDUCTION
    assert receipt["points"] == points(15.0)
    assert receipt["id"]
    assert receipt["at"]
    assert (receipt["from"]["name"], receipt["to"]["name"]) == ("Tom Sawyer", "James Thomas")
    assert receipt["from"]["customer"] == tom[1]["customer"]
    assert receipt["to"]["customer"] == james["customer"]
    assert receipt["note"] == "Transfer points to James"
    assert receipt["program_name"] == "Nightly_ApiAutoDefaultProgram"
    assert till.get(f"/accounts/{james['id']}")["balance"] == 150


def test_the_group_check(app, till, portal):
    leader = person(app, till, mobile(GROUP_CHECK, "transferredBy"))
    person(app, till, mobile(GROUP_CHECK, "toEntity"))
    made = group(till, "1981", [leader])
    give = {"points": points(20), "reason": "goodwill_credit"}
    till.post(f"/accounts/{made['accounts'][0]['id']}/adjustments", give)
    told = till.post("/transfers/check", in_our_words(GROUP_CHECK), status=200)
    assert told["transferable"] is True
    assert told["reasons"] == told["warnings"] == []
    # 10.5 are 10.5; the sample cuts them to 10.0.
    assert told["remaining"] == points(9.5)


def sent_by_the_fleet(app, till):
    body = in_our_words(GROUP_TRANSFER, issue_code=True)
    told = till.post("/transfers/check", body, status=200)
    assert told["transferable"], told
    sent = {
        "transfer_request": told["transfer_request"],
        "code": last_code(app, "+915662420128"),
    }
    return till.post("/transfers", sent)


def test_the_group_transfer(app, till, fleet):
    receipt = sent_by_the_fleet(app, till)
    people = {one["customer"]: one for one in fleet["members"]}
    assert receipt["points"] == points(10.5)
    assert receipt["direction"] == "out"
    assert receipt["from"]["household"] == fleet["id"]
    assert (receipt["from"]["name"], receipt["from"]["customer"]) == ("Fleet 2626", None)
    assert receipt["to"]["customer"] in people
    assert people[receipt["transferred_by"]]["primary"] is True
    assert receipt["note"] == "notes123"
    assert receipt["program_name"] == "SunRiseDefaultProgram"
    # programId, deductedPoints, programCurrentPoints
    assert receipt["breakup"] == [
        {"program": "765", "points": points(10.5), "left": points(CURRENT_POINTS)}
    ]
    received = till.get(f"/accounts/{receipt['to']['account']}")
    assert received["balance"] == 105


def test_the_group_of_the_receipt(till, fleet):
    shown = till.get(f"/households/{fleet['id']}")
    assert (shown["status"], shown["external_id"]) == ("active", "2626")
    known = {}
    for number, default, primary in GROUP:
        query = {"identifier_type": "external_id", "identifier_value": number, "program": "765"}
        (account,) = till.get("/accounts", **query)["data"]
        known[account["customer"]] = (default, True, primary)
    assert {
        one["customer"]: (one["default"], one["active"], one["primary"]) for one in shown["members"]
    } == known
    (account,) = shown["accounts"]
    assert account["lifetime_purchases"] == paise(LIFETIME_PURCHASES)
    assert account["balance"] == points(CURRENT_POINTS + 10.5)


def test_the_history_of_the_group(app, till, fleet):
    receipt = sent_by_the_fleet(app, till)
    by_id = till.get("/transfers", household=fleet["id"], program="765")
    assert by_id == {"data": [receipt], "next_cursor": None}
    query = {"identifier_type": "external_id", "identifier_value": "2626", "program": "765"}
    assert till.get("/transfers", **query) == by_id
    received = till.get("/transfers", customer=receipt["to"]["customer"])["data"]
    assert [(one["id"], one["direction"]) for one in received] == [(receipt["id"], "in")]


def test_ten_and_a_half_is_written_in_the_smallest_unit(till, tom, james):
    body = in_our_words(CUSTOMER_CHECK) | {"points": 10.5}
    refusal = till.refuses(422, "invalid_fields", "POST", "/transfers/check", body)
    (sentence,) = refusal["errors"]["points"]
    assert "10.5 points of a program with one decimal are 105" in sentence
