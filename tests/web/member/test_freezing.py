"""A member freezes what is theirs, at once; and lets it go again."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock, ledger, orm
from portal.access.models import MemberSession
from portal.codes.models import OneTimeCode
from portal.ledger.models import Account

MOBILE = "+447400000001"


@pytest.fixture
def statuses(database):
    def of(member):
        database.rollback()
        found = ledger.accounts_of(database, customer_id=member.customer_id)
        return {one.program_id: one.status for one in found}

    return of


def told(member):
    return [one["body"] for one in member.messages() if one["to"] == MOBILE]


def is_told(member, words, times=1):
    """Whether a message with these words arrives, as often as that."""
    for _ in range(100):
        if sum(words in one for one in told(member)) == times:
            return True
        time.sleep(0.05)
    return False


def freeze(member):
    return member.post("/account/freeze", on="/account/freeze")


def test_freezing_is_one_yes_and_stops_every_program(member, statuses):
    page = member.get("/account/freeze")
    assert page.heading == "Freeze your account"
    assert freeze(member).location == "/account/freeze"
    assert statuses(member) == {"corner": "frozen", "bistro": "frozen"}
    assert is_told(member, "You froze your account")
    shown = member.get("/account/freeze")
    assert shown.heading == "Your account is frozen"
    assert "Unfreeze my account" in shown.text
    assert "Your account is frozen" in member.get("/send").text


def test_what_is_frozen_sends_nothing(member, make_member):
    make_member("Bo", "+447400000002")
    freeze(member)
    page = member.get("/send")
    action = page.html.find("form", class_="send-form")["action"]
    fields = {"recipient": "+447400000002", "amount": "10", "to": "", "source": ""}
    answer = member.post(action, fields, on=page)
    assert answer.status == 422
    assert "This account is frozen. Unfreeze it before you send from it." in answer.text


def test_unfreezing_asks_whoever_was_away_for_a_code(member, statuses, database):
    page = member.get("/account/freeze")
    freeze(member)
    page = member.get("/account/freeze")
    with orm.writing(database) as unit:
        for row in unit.scalars(select(MemberSession)):
            row.fresh_until = row.created_at - timedelta(seconds=1)
        for code in unit.scalars(select(OneTimeCode)):
            code.created_at -= timedelta(minutes=2)
    referer = {"HTTP_REFERER": "http://localhost/account/freeze"}
    before = len(told(member))
    asked = member.post("/account/unfreeze", on=page, environ_overrides=referer)
    assert asked.location == "/prove"
    assert statuses(member)["corner"] == "frozen"
    code = member.code_for(MOBILE, after=before)
    assert member.post("/prove", {"code": code}, on="/prove").location == "/account/freeze"
    assert statuses(member)["corner"] == "frozen"
    member.post("/account/unfreeze", on="/account/freeze")
    assert statuses(member) == {"corner": "active", "bistro": "active"}
    assert is_told(member, "You unfroze your account")


def test_twice_is_once(member, statuses, database):
    page = member.get("/account/freeze")
    member.post("/account/freeze", on=page)
    assert member.post("/account/freeze", on=page).location == "/account/freeze"
    frozen = member.get("/account/freeze")
    member.post("/account/unfreeze", on=frozen)
    assert member.post("/account/unfreeze", on=frozen).location == "/account/freeze"
    assert set(statuses(member).values()) == {"active"}
    assert is_told(member, "You unfroze your account")
    assert is_told(member, "You froze your account")
    database.rollback()
    assert set(database.scalars(select(Account.frozen_by))) == {None}


def test_what_the_shop_froze_only_the_shop_lets_go(member, statuses, database):
    with orm.writing(database) as unit:
        ledger.freeze(unit, account_id=member.accounts["corner"], at=clock.now())
    shown = member.get("/account/freeze")
    assert "The shop froze an account of yours" in shown.text
    assert "Unfreeze my account" not in shown.text
    freeze(member)
    member.post("/account/unfreeze", on="/account/freeze")
    assert statuses(member) == {"corner": "frozen", "bistro": "active"}


def test_what_they_froze_the_shop_can_take_over(member, statuses, database):
    freeze(member)
    with orm.writing(database) as unit:
        ledger.freeze(unit, account_id=member.accounts["corner"], at=clock.now())
    member.post("/account/unfreeze", on="/account/freeze")
    assert statuses(member) == {"corner": "frozen", "bistro": "active"}
