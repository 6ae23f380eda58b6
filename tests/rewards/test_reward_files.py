"""The reward file: strict in every field, applied twice it changes nothing."""

import math

import pytest
from sqlalchemy import func, select

from portal import rewards
from portal.programs import Money
from portal.rewards import Kind, OnLapse, schema
from portal.rewards.errors import (
    InvalidPicture,
    InvalidReward,
    PictureNotFound,
    RewardNotFound,
    RewardProgramFixed,
)
from portal.rewards.models import Picture, Reward
from tests.rewards.conftest import drawing

SAMPLE = {
    "id": "mug",
    "program": "corner",
    "name": "Mug",
    "description": "",
    "price": 500,
    "kind": "free_item",
    "value": None,
    "stock": 50,
    "per_member": 1,
    "valid_from": None,
    "valid_to": None,
    "tiers": [],
    "stores": [],
    "categories": [],
    "position": 0,
    "voucher_days": 30,
    "on_lapse": "return",
    "picture": None,
}
"""As API.md has it."""
LEAST = {"id": "mug", "program": "corner", "name": "Mug", "price": 500, "kind": "free_item"}


def test_the_sample_is_taken_as_it_is(shop):
    applied = shop.apply(SAMPLE)
    assert applied.created
    found = applied.reward
    assert rewards.reward(shop.session, "mug") == found
    assert (found.price, found.stock, found.per_member, found.kind) == (500, 50, 1, Kind.FREE_ITEM)
    assert rewards.document(shop.session, "mug") == SAMPLE | {"active": True}


def test_what_is_left_out_does_not_limit(shop):
    found = shop.apply(LEAST).reward
    assert (found.stock, found.per_member, found.valid_from, found.valid_to) == (None,) * 4
    assert (found.tiers, found.stores, found.categories) == ((), (), ())
    assert (found.voucher_days, found.on_lapse, found.position) == (30, OnLapse.RETURN, 0)
    assert (found.description, found.picture, found.active, found.version) == ("", None, True, 1)


def test_applied_again_it_changes_nothing_and_writes_nothing(shop, at):
    shop.apply(SAMPLE)
    before = shop.session.execute(select(Reward.__table__)).all()
    shop.session.rollback()
    again = shop.apply(SAMPLE | {"active": True}, at=at.replace(hour=23))
    assert (again.created, again.changes) == (False, {})
    assert shop.session.execute(select(Reward.__table__)).all() == before


def test_changed_it_says_what_changed(shop):
    shop.apply(SAMPLE)
    changed = shop.apply(SAMPLE | {"price": 400, "stores": ["baixa"], "stock": None})
    assert changed.changes == {
        "price": [500, 400],
        "stores": [[], ["baixa"]],
        "stock": [50, None],
    }
    assert not changed.created
    assert (changed.reward.version, changed.reward.price, changed.reward.stock) == (2, 400, None)


def test_what_it_is_worth(shop):
    amount = shop.apply(LEAST, kind="amount_off", value=500).reward.worth
    assert amount.value == Money(500, "EUR")
    share = shop.apply(LEAST, kind="share_off", value="0.10").reward.worth
    assert str(share.share) == "0.10"
    assert rewards.document(shop.session, "mug")["value"] == "0.10"


def wrong(field, *values):
    return [pytest.param(field, value, id=f"{field}={value!r:.30}") for value in values]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *wrong("id", "", "a b", "é", "x" * 37, None, 7, True, [], "\x00"),
        *wrong("program", "", None, 7, {}),
        *wrong("name", "", "  ", "x" * 121, None, 7, "a\nb", "\ud800", []),
        *wrong("description", None, 7, "x" * 2001, "\x00", "a\tb", []),
        *wrong("price", 0, -1, 1.5, 500.0, "500", True, None, 10**16, math.inf, []),
        *wrong("kind", "", "mug", None, 7, []),
        *wrong("value", 5, "0.1", 0, False, {}),
        *wrong("stock", -1, 1.5, "5", True, 10**16, []),
        *wrong("per_member", 0, -1, 1.5, "5", True, 10**16),
        *wrong("valid_from", "", "2026-02-30", "1.3.2026", 20260301, "2026-03-01T00:00", True),
        *wrong("valid_to", "", "2026-02-30", 7, []),
        *wrong("tiers", None, "gold", [7], ["gold", "gold"], [""], {}),
        *wrong("stores", None, "baixa", [7], ["a", "a"], [""], ["x" * 65], ["a\x00"]),
        *wrong("categories", None, "home", [None], ["a", "a"], [str(n) for n in range(201)]),
        *wrong("position", -1, 1.5, "1", True, None, 1_000_001),
        *wrong("voucher_days", 0, -1, 1.5, "30", True, None, 3651),
        *wrong("on_lapse", "", "lose", None, 7, True),
        *wrong("picture", "", 7, True, [], "x" * 256),
        *wrong("active", None, 1, "true", []),
        *wrong("colour", "red", None),
    ],
)
def test_every_field_that_is_wrong_is_named(field, value):
    with pytest.raises(InvalidReward) as refusal:
        schema.check(SAMPLE | {field: value})
    assert [name for name in refusal.value.fields if name.partition("[")[0] == field]


@pytest.mark.parametrize(
    ("field", "value"), [("program", "none"), ("tiers", ["none"]), ("picture", "mug.png")]
)
def test_what_only_the_shop_can_tell_is_wrong_is_named_and_nothing_changes(shop, field, value):
    with pytest.raises(InvalidReward) as refusal:
        shop.apply(SAMPLE | {field: value})
    assert [name for name in refusal.value.fields if name.partition("[")[0] == field]
    with pytest.raises(RewardNotFound):
        rewards.reward(shop.session, "mug")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("amount_off", None),
        ("amount_off", 0),
        ("amount_off", -5),
        ("amount_off", "5"),
        ("amount_off", 5.0),
        ("amount_off", True),
        ("share_off", None),
        ("share_off", 1),
        ("share_off", 0.1),
        ("share_off", "0"),
        ("share_off", "1.1"),
        ("share_off", "-0.1"),
        ("share_off", "10%"),
        ("share_off", "1e-1"),
        ("donation", 5),
        ("gift", "x"),
    ],
)
def test_the_value_is_what_its_kind_asks_for(kind, value):
    with pytest.raises(InvalidReward) as refusal:
        schema.check(LEAST | {"kind": kind, "value": value})
    assert list(refusal.value.fields) == ["value"]


@pytest.mark.parametrize("missing", list(LEAST))
def test_what_is_required_is_missed(missing):
    document = {field: value for field, value in LEAST.items() if field != missing}
    with pytest.raises(InvalidReward) as refusal:
        schema.check(document)
    assert refusal.value.fields == {missing: ["This field is required."]}


@pytest.mark.parametrize("document", [[], "mug", 7, None, True])
def test_what_is_no_object_is_no_reward(document):
    with pytest.raises(InvalidReward):
        schema.check(document)


def test_several_faults_are_all_named():
    with pytest.raises(InvalidReward) as refusal:
        schema.check(
            {"id": "a b", "price": 0, "kind": "share_off", "value": 2}
            | {"valid_from": "2026-05-01", "valid_to": "2026-04-01", "x": 1}
        )
    assert set(refusal.value.fields) == {
        "id",
        "program",
        "name",
        "price",
        "value",
        "valid_to",
        "x",
    }


def test_money_off_needs_a_program_that_knows_money(shop):
    shop.program(id="plain", default=False, rate=None)
    with pytest.raises(InvalidReward) as refusal:
        shop.apply(LEAST, program="plain", kind="amount_off", value=500)
    assert list(refusal.value.fields) == ["value"]
    shop.apply(LEAST, program="plain", kind="share_off", value="0.5")


def test_a_reward_stays_in_its_program(shop):
    shop.program(id="other", default=False)
    shop.apply(LEAST)
    with pytest.raises(RewardProgramFixed):
        shop.apply(LEAST, program="other")


def test_rewards_are_listed_with_what_became_of_their_vouchers(shop, at):
    shop.program(id="other", default=False)
    shop.apply(LEAST, stock=9, position=2, voucher_days=1)
    shop.apply(LEAST, id="pen", position=1)
    shop.apply(LEAST, id="cup", program="other", active=False)
    account = shop.member(5000)
    used, cancelled, lapsed = (shop.issue(account) for _ in range(3))
    shop.use(used)
    shop.cancel(cancelled)
    later = lapsed.expires_at
    shop.issue(account, at=later)
    found = rewards.tally(shop.session, at=later)
    assert [each.reward.id for each in found] == ["pen", "mug", "cup"]
    pen, mug = found[:2]
    assert (pen.left, pen.open, pen.used, pen.cancelled, pen.lapsed) == (None, 0, 0, 0, 0)
    assert (mug.left, mug.open, mug.used, mug.cancelled, mug.lapsed) == (7, 1, 1, 1, 1)
    assert mug.left == shop.offer(account, at=later).left
    assert [each.id for each in rewards.rewards(shop.session, program_id="other")] == ["cup"]
    assert rewards.tally(shop.session, at=later, program_id="none") == []


# -- pictures


def read(content):
    return {"picture": "mug.png", "read_picture": lambda name: content}


def count(session):
    found = session.scalar(select(func.count()).select_from(Picture))
    session.rollback()
    return found


def test_a_picture_is_kept_in_two_sizes_and_known_by_its_bytes(shop):
    content = drawing()
    applied = shop.apply(LEAST, **read(content))
    assert applied.reward.picture
    assert applied.changes["picture"] == [None, applied.reward.picture[:12]]
    assert count(shop.session) == 2
    assert shop.apply(LEAST, **read(content)).changes == {}
    renamed = shop.apply(LEAST, picture="cup.png", read_picture=lambda name: content)
    assert renamed.changes == {"picture": ["mug.png", "cup.png"]}
    for size in ("small", "large"):
        found = rewards.picture(shop.session, digest=applied.reward.picture, size=size)
        assert (found.content_type, found.width, found.height) == ("image/webp", 64, 48)


def test_another_picture_replaces_it_and_what_nothing_shows_is_dropped(shop):
    first = shop.apply(LEAST, **read(drawing())).reward.picture
    shop.apply(LEAST, id="cup", **read(drawing()))
    changed = shop.apply(LEAST, **read(drawing(size=(10, 10))))
    assert changed.changes == {"picture": [first[:12], changed.reward.picture[:12]]}
    assert count(shop.session) == 4
    shop.apply(LEAST, id="cup")
    assert count(shop.session) == 2
    assert shop.apply(LEAST).changes["picture"] == [changed.reward.picture[:12], None]
    assert count(shop.session) == 0


def test_a_picture_that_cannot_be_used_changes_nothing(shop):
    with pytest.raises(InvalidPicture):
        shop.apply(LEAST, **read(b"GIF89a"))
    with pytest.raises(RewardNotFound):
        rewards.reward(shop.session, "mug")


def test_a_picture_that_is_not_there(shop):
    for digest in ("", "x", "zz" * 32, "00" * 32, "0" * 63, "00" * 31 + " 0", "00 " * 21 + "0"):
        with pytest.raises(PictureNotFound):
            rewards.picture(shop.session, digest=digest)
