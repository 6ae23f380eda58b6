"""Members are told of a new voucher, and of one that lapses soon, once."""

from datetime import timedelta

import pytest

from portal import ledger, members, orm, programs, rewards
from portal.errors import PortalError
from portal.rewards import Text

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def remind(shop, at, **more):
    with orm.writing(shop.session):
        return rewards.remind(shop.session, at=at, cipher=shop.cipher, **more)


def test_a_new_voucher_is_told_by_e_mail_without_its_code(shop):
    shop.reward()
    account = shop.member(500, email="ana@example.com", mobile="+351912345678")
    issued = shop.issue(account, cipher=shop.cipher)
    ((channel, to, subject, body),) = shop.messages()
    assert (channel, to, subject) == ("email", "ana@example.com", "Your voucher: Mug")
    assert "through 2026-04-01" in body
    assert issued.code not in body
    assert issued.spoken_code not in body


def test_who_has_no_e_mail_gets_a_text_and_who_has_neither_nothing(shop):
    shop.reward()
    shop.issue(shop.member(500, mobile="+351912345678"), cipher=shop.cipher)
    shop.issue(shop.member(500, external_id="x"), cipher=shop.cipher)
    ((channel, to, subject, _),) = shop.messages()
    assert (channel, to, subject) == ("sms", "+351912345678", None)


def test_nobody_is_told_without_being_asked_to_or_of_what_did_not_happen(shop):
    shop.reward(stock=1)
    shop.issue(shop.member(500, email="ana@example.com"))
    with pytest.raises(PortalError):
        shop.issue(shop.member(500, email="rui@example.com"), cipher=shop.cipher)
    assert shop.messages() == []


def test_a_donation_is_thanked_for(shop):
    shop.reward(kind="donation", name="Ten trees")
    shop.issue(shop.member(500, email="ana@example.com"), cipher=shop.cipher)
    ((_, _, subject, _),) = shop.messages()
    assert subject == "Thank you: Ten trees"


def test_the_words_can_be_given(shop):
    shop.reward()
    shop.issue(
        shop.member(500, email="ana@example.com"),
        cipher=shop.cipher,
        wording=lambda voucher, last_day: Text(subject=voucher.reward_name, body=last_day),
    )
    assert shop.messages() == [("email", "ana@example.com", "Mug", "2026-04-01")]


def test_what_lapses_soon_is_told_once_at_ten_in_the_morning(shop):
    shop.reward()
    account = shop.member(2000, email="ana@example.com")
    issued, used, cancelled = (shop.issue(account) for _ in range(3))
    shop.use(used)
    shop.cancel(cancelled)
    # Its last day is 1 April: the third day before that ends is 30 March.
    ten = issued.expires_at - 3 * DAY + 10 * HOUR
    assert remind(shop, ten - timedelta(seconds=1)) == 0
    assert remind(shop, ten) == 1
    assert remind(shop, ten) == 0
    ((_, _, subject, body),) = shop.messages()
    assert subject == "Still to use: Mug"
    assert "through 2026-04-01" in body


def test_nobody_is_reminded_of_what_was_issued_today_or_is_over(shop, at):
    shop.reward(voucher_days=2)
    account = shop.member(2000, email="ana@example.com")
    issued = shop.issue(account)
    assert remind(shop, at + HOUR) == 0
    assert remind(shop, issued.expires_at) == 0
    assert remind(shop, at + DAY) == 1


def test_reminders_go_out_in_batches_to_who_holds_the_voucher_now(shop):
    shop.reward(stock=None)
    first = shop.member(2500, email="ana@example.com")
    second = shop.member(email="rui@example.com")
    issued = [shop.issue(first) for _ in range(5)]
    soon = issued[0].expires_at - DAY
    shop.merge(first, second)
    assert [remind(shop, soon, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert {to for _, to, _, _ in shop.messages()} == {"rui@example.com"}


def test_of_a_households_voucher_its_primary_member_is_told(shop, at):
    shop.reward(stock=None)
    ana = shop.account(shop.member(email="ana@example.com")).customer_id
    with orm.writing(shop.session):
        program = programs.find(shop.session, "corner")
        home = members.households.create_household(
            shop.session, name="Home", primary_id=ana, program=program, at=at
        )
    (purse,) = members.households.purses(shop.session, customer_id=ana)
    assert purse.household_id == home.id
    shop.earn(purse.account.id, 500)
    issued = shop.issue(purse.account.id, cipher=shop.cipher)
    assert remind(shop, issued.expires_at - DAY) == 1
    assert [(to, subject) for _, to, subject, _ in shop.messages()] == [
        ("ana@example.com", "Your voucher: Mug"),
        ("ana@example.com", "Still to use: Mug"),
    ]


def test_of_an_account_that_is_nobodys_nobody_is_told(shop, at):
    shop.reward()
    with orm.writing(shop.session):
        account = ledger.open_account(shop.session, program_id="corner", at=at)
    shop.earn(account.id, 500)
    shop.issue(account.id, cipher=shop.cipher)
    assert shop.messages() == []
