"""The consent to a voucher is for the price that its member was told."""

import pytest

from portal import checkout, orm, rewards
from portal.checkout import Approval, CodeSending, VoucherWish
from portal.rewards.errors import RewardPriceChanged
from tests.checkout.conftest import PEPPER

MUG = {"id": "mug", "program": "corner", "name": "Mug", "kind": "free_item"}


def price(shop, points):
    with orm.writing(shop.session):
        rewards.apply(shop.session, document=MUG | {"price": points}, actor="command", at=shop.at)


def test_a_price_that_changes_after_the_code_was_looked_at_is_not_taken(shop, account):
    shop.corner({"approval": "one_time_code"})
    channels = frozenset({"sms", "email"})
    price(shop, 100)
    with orm.recording(shop.session):
        assert checkout.send_voucher_code(
            shop.session,
            account_id=account,
            wish=VoucherWish(reward_id="mug"),
            sending=CodeSending(pepper=PEPPER, cipher=shop.cipher, channels=channels),
            at=shop.at,
        )
    code = shop.code()
    with orm.recording(shop.session):
        look = checkout.look_voucher_code(
            shop.session,
            account_id=account,
            reward_id="mug",
            code=code,
            at=shop.at,
            pepper=PEPPER,
        )
    wish = VoucherWish(reward_id="mug", approval=Approval(one_time_code=look))
    before = shop.balance(account)

    def issue():
        with orm.writing(shop.session):
            return checkout.issue_voucher(
                shop.session, account_id=account, wish=wish, actor="till", at=shop.at
            )

    for changed in (101, 99):
        price(shop, changed)
        with pytest.raises(RewardPriceChanged) as refusal:
            issue()
        assert refusal.value.facts["price"] == changed
    assert shop.balance(account) == before
    price(shop, 100)
    assert issue().points == 100
    assert shop.balance(account) == before - 100
