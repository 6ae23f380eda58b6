"""Many at once: stock is never oversold, limits hold, a voucher ends once, no point is lost."""

import random
import time
from collections import Counter

import pytest
from sqlalchemy import event, func, select

from portal import ledger, orm, rewards
from portal.errors import Busy, PortalError
from portal.ledger.models import Account, Redemption
from portal.rewards.models import Reward, Voucher
from tests.ledger import at_once

AT = at_once.AT


def patiently(session, work):
    """What an edge does with "try again": it tries again, and so does a person."""
    for _ in range(200):
        try:
            with orm.writing(session):
                return work()
        except Busy:
            session.rollback()
            time.sleep(random.random() / 20)
    raise AssertionError("busy for ever")


def said(session, work):
    """What became of it: the answer, or the name of the refusal."""
    try:
        return patiently(session, work)
    except PortalError as refusal:
        return refusal.code


def issue_some(session, number, accounts, each):
    """One process is many members, one after the other, while other processes do the same."""
    mine = accounts[number * each : (number + 1) * each]
    return [
        said(
            session,
            lambda account=account: (
                rewards.issue(
                    session, account_id=account, reward_id="mug", actor="test", at=AT
                ).code
            ),
        )
        for account in mine
    ]


def issue_one(session, number, accounts):
    return issue_some(session, number, accounts, 1)


def no_sync(engine):
    """Nobody pulls the plug while members are made, and the disk would be all that is measured."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda c, _: c.cursor().execute("PRAGMA synchronous=OFF"))


def members_of(shop, session, count, points):
    with orm.writing(session):
        accounts = [
            ledger.open_account(session, program_id="corner", at=AT).id for _ in range(count)
        ]
        ledger.post(
            session,
            [
                ledger.Happening(
                    facts=ledger.Facts(name=ledger.EventName.TRANSACTION_ADD, actor="test"),
                    movements=[ledger.Earn(account_id=a, points=points, expires_at=None)],
                )
                for a in accounts
            ],
            at=AT,
        )
    return accounts


@pytest.mark.parametrize("limited", [True, False])
def test_of_many_members_as_many_get_one_as_there_are(
    shop, session, engine, engine_url, heavy, limited
):
    # 500 members, in fifty processes of ten; or, each time, sixty in twelve of five.
    count, processes, stock = (500, 50, 50) if heavy else (60, 12, 6)
    no_sync(engine)
    shop.reward(stock=stock if limited else None, per_member=1)
    accounts = members_of(shop, session, count, 700)
    engine.dispose()
    began = time.monotonic()
    answers = at_once.processes(processes, issue_some, engine_url, accounts, count // processes)
    seconds = time.monotonic() - began
    told = Counter(
        "issued" if len(answer) == rewards.codes.LENGTH else answer
        for answers_of_one in answers
        for answer in answers_of_one
    )
    print(f"{engine.dialect.name}: {dict(told)} in {seconds:.1f} s")
    if limited:
        assert told == {"issued": stock, "reward_out_of_stock": count - stock}
    else:
        assert told == {"issued": count}
    issued = told["issued"]
    assert session.scalar(select(func.count()).select_from(Voucher)) == issued
    assert session.scalar(select(func.count()).select_from(Redemption)) == issued
    assert session.scalar(select(Reward.taken)) == (stock if limited else 0)
    spent = session.scalar(select(func.sum(700 - Account.balance)))
    assert spent == issued * 500
    left = Counter(session.scalars(select(Account.balance)))
    assert left == Counter({200: issued, 700: count - issued})


def test_one_member_gets_no_more_than_the_limit_however_often_they_ask_at_once(
    shop, session, engine, engine_url, heavy
):
    count = 50 if heavy else 16
    shop.reward(stock=None, per_member=3)
    (account,) = members_of(shop, session, 1, 500 * count)
    engine.dispose()
    answers = at_once.processes(count, issue_one, engine_url, [account] * count)
    told = Counter("issued" if len(a) == rewards.codes.LENGTH else a for (a,) in answers)
    assert told == {"issued": 3, "reward_limit_reached": count - 3}
    assert shop.balance(account) == 500 * (count - 3)


# -- one voucher


def end_it(session, number, code, verbs, at):
    verb = verbs[number % len(verbs)]
    more = {"code": code, "at": at[number % len(at)], "actor": "test"}
    if verb == "use":
        return said(session, lambda: rewards.use(session, store="s", **more).voucher.status.value)
    if verb == "cancel":
        return said(session, lambda: rewards.cancel(session, **more).status.value)
    return said(session, lambda: ledger.settle(session, at=more["at"]))


@pytest.mark.parametrize("on_lapse", ["return", "keep"])
def test_of_a_hundred_uses_at_once_one_is_honoured(shop, session, engine, on_lapse):
    shop.reward(on_lapse=on_lapse)
    (account,) = members_of(shop, session, 1, 500)
    code = shop.issue(account).code
    answers = at_once.threads(100, end_it, engine, code, ["use"], [AT])
    assert Counter(answers) == {"used": 1, "voucher_used": 99}
    assert shop.balance(account, at=shop.voucher(code).expires_at) == 0


@pytest.mark.parametrize("on_lapse", ["return", "keep"])
def test_a_voucher_that_is_used_and_cancelled_at_once_is_one_of_them(
    shop, session, engine, engine_url, on_lapse
):
    shop.reward(on_lapse=on_lapse, stock=3)
    (account,) = members_of(shop, session, 1, 1500)
    codes = [shop.issue(account).code for _ in range(3)]
    engine.dispose()
    expected = 0
    for code in codes:
        told = Counter(at_once.processes(8, end_it, engine_url, code, ["use", "cancel"], [AT]))
        if told["used"]:
            assert told == {"used": 1, "voucher_used": 7}
        else:
            assert told == {"cancelled": 1, "voucher_cancelled": 7}
            expected += 500
    assert shop.balance(account) == expected
    assert shop.offer(account).left == expected // 500


def test_a_voucher_that_is_used_while_it_lapses_is_one_of_them(shop, session, engine, engine_url):
    shop.reward(stock=None, voucher_days=1)
    (account,) = members_of(shop, session, 1, 1500)
    issued = [shop.issue(account) for _ in range(3)]
    engine.dispose()
    # Clocks of tills differ: some say it is over, others that it is not, and jobs settle.
    end = issued[0].expires_at
    before = end - (end - AT) / 1000
    returned = 0
    for voucher in issued:
        told = at_once.processes(
            8, end_it, engine_url, voucher.code, ["use", "settle"], [before, end, end, before]
        )
        uses = [answer for answer in told if isinstance(answer, str)]
        found = shop.voucher(voucher, at=end)
        redemption = ledger.redemption(session, voucher.redemption_id)
        session.rollback()
        if "used" in uses:
            assert uses.count("used") == 1
            assert (found.status.value, redemption.status) == ("used", "captured")
        else:
            assert set(uses) == {"voucher_lapsed"}
            assert (found.status.value, redemption.status) == ("lapsed", "voided")
            returned += 500
    assert shop.balance(account, at=end) == returned


def trade(session, number, accounts, rounds):
    """Issue, use, cancel and settle at random; every refusal is an answer."""
    chance = random.Random(number)
    codes, told = [], Counter()
    for _ in range(rounds):
        what = chance.random()
        if what < 0.5 or not codes:
            account = chance.choice(accounts)
            answer = said(
                session,
                lambda account=account: (
                    rewards.issue(
                        session, account_id=account, reward_id="mug", actor="test", at=AT
                    ).code
                ),
            )
            if len(answer) == rewards.codes.LENGTH:
                codes.append(answer)
                answer = "issued"
        else:
            verb = "use" if what < 0.7 else "cancel"
            answer = end_it(session, 0, codes.pop(chance.randrange(len(codes))), [verb], [AT])
        told[answer] += 1
    return told


def test_issuing_using_and_cancelling_by_many_keeps_stock_and_points(
    shop, session, engine, engine_url, heavy
):
    rounds = 60 if heavy else 12
    shop.reward(stock=10, per_member=3)
    accounts = members_of(shop, session, 6, 5000)
    engine.dispose()
    told = sum(at_once.processes(8, trade, engine_url, accounts, rounds), Counter())
    assert set(told) <= {
        "issued",
        "used",
        "cancelled",
        "reward_out_of_stock",
        "reward_limit_reached",
    }
    open_ = told["issued"] - told["used"] - told["cancelled"]
    assert session.scalar(select(Reward.taken)) == open_ + told["used"]
    assert session.scalar(select(func.sum(Account.balance))) == 30_000 - 500 * (
        told["issued"] - told["cancelled"]
    )
