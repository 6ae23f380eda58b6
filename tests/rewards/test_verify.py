"""Where vouchers and the book do not agree, it is found."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from portal import orm, rewards
from portal.ledger.models import Redemption
from portal.rewards.models import Reward, Voucher


@pytest.fixture
def issued(shop):
    """A voucher in every state, of both sorts of reward; what was edited is put right after."""
    shop.reward()
    shop.reward(id="kept", on_lapse="keep", stock=None)
    shop.reward(id="trees", kind="donation")
    account = shop.member(50_000)
    found = {}
    for reward_id in ("mug", "kept"):
        for state in ("issued", "used", "cancelled"):
            voucher = shop.issue(account, reward_id)
            found[reward_id, state] = voucher
            if state == "used":
                shop.use(voucher)
            if state == "cancelled":
                shop.cancel(voucher)
    shop.issue(account, "trees")
    assert rewards.verify(shop.session) == []
    return found


def differences(shop, statement):
    """What is found after an edit, which is then undone."""
    shop.session.rollback()
    connection = shop.session.connection(execution_options=orm.WRITE_OPTIONS)
    connection.execute(statement)
    found = rewards.verify(shop.session)
    shop.session.rollback()
    return found


@pytest.mark.parametrize(
    ("which", "edit"),
    [
        (("mug", "issued"), {"points": 499}),
        (("mug", "issued"), {"entry_id": "ptx_x-1"}),
        (("mug", "issued"), {"status": "used", "used_at": "at"}),
        (("mug", "issued"), {"status": "cancelled", "cancelled_at": "at"}),
        (("mug", "issued"), {"expires_at": "at"}),
        (("mug", "used"), {"status": "issued", "used_at": None}),
        (("mug", "used"), {"status": "lapsed", "used_at": None}),
        (("mug", "cancelled"), {"status": "used", "used_at": "at", "cancelled_at": None}),
        (("kept", "cancelled"), {"status": "issued", "cancelled_at": None}),
        (("kept", "used"), {"status": "cancelled", "used_at": None, "cancelled_at": "at"}),
        (("kept", "issued"), {"on_lapse": "return", "status": "lapsed", "points": 1}),
    ],
)
def test_one_edited_voucher_is_found(shop, issued, at, which, edit):
    values = {name: at if value == "at" else value for name, value in edit.items()}
    voucher = issued[which]
    found = differences(shop, update(Voucher).where(Voucher.id == voucher.id).values(values))
    assert voucher.id in {difference.account_id for difference in found}


def test_points_without_a_voucher_and_a_wrong_stock_are_found(shop, issued):
    voucher = issued["kept", "issued"]
    (found,) = differences(shop, delete(Voucher).where(Voucher.id == voucher.id))
    assert found.account_id == voucher.redemption_id
    assert "the voucher is missing" in str(found)
    (found,) = differences(shop, update(Reward).where(Reward.id == "mug").values(taken=1))
    assert (found.account_id, found.found, found.expected) == ("mug", "1", "2")
    other = shop.member()
    found = differences(
        shop, update(Voucher).where(Voucher.id == voucher.id).values(account_id=other)
    )
    assert [difference.where for difference in found] == ["account"]


def test_a_lapse_agrees_before_and_after_anybody_wrote_it_down(shop, issued):
    end = issued["mug", "issued"].expires_at
    shop.settle(at=end)
    assert rewards.verify(shop.session) == []
    # Somebody looks for stock: now the vouchers say it, too.
    shop.reward(stock=2)
    other = shop.member(500, days=None)
    shop.issue(other, at=end + timedelta(days=1))
    statuses = set(shop.session.scalars(select(Voucher.status)))
    assert "lapsed" in statuses
    assert rewards.verify(shop.session) == []
    assert shop.session.scalar(select(Redemption.status).limit(1))
