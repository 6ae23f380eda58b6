"""The transfer samples of document 003, in our words: they give what the document says.

Where it cuts 10.5 points down to 10.0 ours moves 10.5 (RULES, "Programs").
"""

from decimal import Decimal

import pytest

from portal import orm, transfers
from portal.members import NewIdentifier, create_customer
from portal.transfers import Direction, Party

PROGRAM = {
    "id": "sunrise",
    "name": "SunRiseDefaultProgram",
    "currency": "SUN",
    "decimals": 1,
    "timezone": "Asia/Kolkata",
    "default": True,
    "transfers": {},
}


@pytest.fixture
def sunrise(post):
    return post.apply(PROGRAM)


def person(post, first, last, **identifiers):
    with orm.writing(post.session):
        found = create_customer(
            post.session,
            first_name=first,
            last_name=last,
            identifiers=[
                NewIdentifier(type=type, value=value) for type, value in identifiers.items()
            ],
            region="IN",
            at=post.at,
        )
    return found.id, post.join(found.id, program="sunrise")


@pytest.fixture
def sawyer(post, sunrise):
    found = person(post, "Tom", "Sawyer", mobile="7799497290")
    post.give(found[1], 1000)
    return found


@pytest.fixture
def james(post, sunrise):
    return person(post, "James", "Thomas", mobile="8662420128")


@pytest.fixture
def fleet(post, sunrise):
    """The group of the sample, its primary member, and 80.5 points."""
    primary = person(post, "Asha", "Rao", mobile="915410000000")
    household_id, account_id = post.household(primary[0], name="Fleet", program="sunrise")
    post.give(account_id, 805)
    return household_id, account_id


def test_check_of_a_customer(post, sawyer, james):
    asked = post.request(
        Party(type="mobile", value="7799497290"),
        Party(customer_id=james[0]),
        100,
        program="sunrise",
        note="Sample notes",
        region="IN",
        issue_code=True,
    )
    assert asked.check.transferable
    assert (asked.check.points, asked.check.sender.name) == (100, "Tom Sawyer")
    assert asked.code_sent
    assert asked.warnings == ()


def test_transfer_of_a_customer(post, sawyer, james):
    made = post.send(
        Party(type="mobile", value="7799497290"),
        Party(customer_id=james[0]),
        150,
        program="sunrise",
        note="Transfer points to James",
        region="IN",
    )
    assert (made.points, made.direction, made.note, made.program_name) == (
        150,
        Direction.OUT,
        "Transfer points to James",
        "SunRiseDefaultProgram",
    )
    assert (made.sender.name, made.recipient.name) == ("Tom Sawyer", "James Thomas")


def test_check_of_a_group(post, sunrise, fleet, james):
    found = post.check(
        Party(household_id=fleet[0]),
        Party(type="mobile", value="8662420128"),
        transfers.smallest(sunrise, Decimal("10.5")),
        program="sunrise",
        note="notes123",
        by=Party(type="mobile", value="915410000000"),
        region="IN",
    )
    assert found.transferable
    assert (found.points, found.remaining) == (105, 700)


def test_transfer_of_a_group_and_its_history(post, sunrise, fleet, james):
    made = post.send(
        Party(household_id=fleet[0]),
        Party(type="mobile", value="8662420128"),
        transfers.smallest(sunrise, Decimal("10.5")),
        program="sunrise",
        note="notes123",
        by=Party(type="mobile", value="915410000000"),
        region="IN",
    )
    assert (made.sender.household_id, made.recipient.customer_id) == (fleet[0], james[0])
    assert (made.note, made.program_name) == ("notes123", "SunRiseDefaultProgram")
    (gave,) = made.breakup
    assert (gave.program_id, sunrise.plain(gave.points), sunrise.plain(gave.left)) == (
        "sunrise",
        "10.5",
        "70",
    )
    page = transfers.history(post.session, account_ids=[fleet[1]], program="sunrise")
    assert page.transfers == (made,)
