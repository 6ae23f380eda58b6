"""Whatever is asked, in whatever order: limits hold, nothing is made and nothing is lost."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import example, given, settings
from sqlalchemy.orm import Session

from portal import ledger, orm, programs, transfers
from portal.errors import PortalError
from portal.programs.schema import check
from portal.transfers import Party, limits
from portal.transfers.limits import Used
from tests.transfers.posting import CLUB, Post, coded

POINTS = st.integers(min_value=-5, max_value=500)
OPTIONAL = st.none() | st.integers(min_value=1, max_value=400)
RULES = st.fixed_dictionaries(
    {
        "min": OPTIONAL,
        "max": st.none() | st.integers(min_value=400, max_value=450),
        "multiple_of": st.integers(min_value=1, max_value=7),
        "per_day": OPTIONAL,
        "per_month": OPTIONAL,
    }
)


def program_with(rules):
    document = {
        "id": "p",
        "name": "P",
        "currency": "P",
        "transfers": {name: limit for name, limit in rules.items() if limit is not None},
    }
    return programs.program.from_document(check(document), version=1)


@settings(max_examples=200)
@given(rules=RULES, points=POINTS, today=st.integers(0, 500), before=st.integers(0, 500))
@example(
    rules={"min": 10, "max": 400, "multiple_of": 7, "per_day": 50, "per_month": 60},
    points=401,
    today=50,
    before=10,
)
def test_a_limit_is_named_exactly_when_it_is_broken(rules, points, today, before):
    used = Used(today=today, this_month=today + before)
    found = limits.amount_refusals(program_with(rules), points=points, used=used)
    if points <= 0:
        assert [reason.code for reason in found] == ["invalid_points"]
        return
    broken = {
        "transfer_below_minimum": points < (rules["min"] or 0),
        "transfer_above_maximum": points > (rules["max"] or 10**9),
        "transfer_not_a_multiple": bool(points % rules["multiple_of"]),
        "transfer_above_daily_limit": today + points > (rules["per_day"] or 10**9),
        "transfer_above_monthly_limit": today + before + points > (rules["per_month"] or 10**9),
    }
    assert [reason.code for reason in found] == [code for code, is_so in broken.items() if is_so]
    for reason in found:
        # What is left can be sent, as far as this limit goes.
        left = reason.facts.get("available")
        assert left is None or 0 <= left < points


STEP = st.tuples(
    st.sampled_from(["send", "send", "send", "ask", "later", "freeze", "fraud", "cancel"]),
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=1, max_value=120),
)


@settings(max_examples=12)
@given(steps=st.lists(STEP, min_size=4, max_size=25))
def test_any_order_of_asking_and_sending_keeps_limits_and_totals(databases, steps, at):
    url = databases.make()
    engine = orm.make_engine(url)
    try:
        with Session(engine, expire_on_commit=False) as session:
            post = Post(session, at)
            post.apply(CLUB, timezone="UTC")
            post.limits(timezone="UTC", max=100, per_day=150, per_month=220, contact_pause_hours=0)
            people = [post.member("Ann", "Bee", points=n * 100) for n in range(4)]
            balance = {account: n * 100 for n, (_, account) in enumerate(people)}
            sent: list[tuple] = []
            waiting: list[tuple] = []
            frozen, fraud, now = set(), set(), at
            for verb, one, two, points in steps:
                giver, taker = people[one], people[two]
                if verb == "later":
                    post.at = now = now + timedelta(hours=points)
                elif verb == "freeze":
                    change = ledger.unfreeze if giver in frozen else ledger.freeze
                    post.status(change, giver[1])
                    frozen ^= {giver}
                elif verb == "fraud":
                    post.fraud(giver[0], "none" if giver in fraud else "confirmed")
                    fraud ^= {giver}
                elif verb == "cancel" and waiting:
                    asked, *_ = waiting.pop()
                    post.do(transfers.cancel, request_id=asked, context="ses_1", at=now)
                elif verb in ("ask", "send"):
                    asked = post.request(
                        Party(customer_id=giver[0]),
                        Party(customer_id=taker[0]),
                        points,
                        at=now,
                        issue_code=False,
                    )
                    allowed = _allowed(giver, taker, points, balance, sent, frozen, fraud, now)
                    assert asked.check.transferable is allowed
                    if asked.id is not None:
                        waiting.append((asked.id, giver, taker, points, now))
                if verb == "send" and waiting:
                    asked, giver, taker, points, asked_at = waiting.pop(0)
                    expected = now < asked_at + transfers.LIFETIME and _allowed(
                        giver, taker, points, balance, sent, frozen, fraud, now
                    )
                    done = _confirmed(post, asked)
                    assert done is expected
                    if done:
                        balance[giver[1]] -= points
                        balance[taker[1]] += points
                        sent.append((giver[1], points, now))
            for account, points in balance.items():
                assert post.balance(account, at=now) == points
            post.verify()
    finally:
        engine.dispose()
        databases.drop(url)


def _confirmed(post, request_id):
    code = coded(post.session, request_id, at=post.at)
    try:
        return post.confirm(request_id, code, sending=None).id.startswith("trf_")
    except PortalError:
        return False


def _allowed(giver, taker, points, balance, sent, frozen, fraud, now):
    """The same rules, said once more and simply."""
    mine = [(when, amount) for account, amount, when in sent if account == giver[1]]
    today = sum(amount for when, amount in mine if when.date() == now.date())
    month = sum(amount for when, amount in mine if when.month == now.month)
    return (
        giver != taker
        and points <= min(100, balance[giver[1]])
        and today + points <= 150
        and month + points <= 220
        and giver not in frozen
        and not fraud & {giver, taker}
    )
