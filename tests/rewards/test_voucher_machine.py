"""Vouchers issued, used, cancelled, lapsing, merged, closed in any order, against paper."""

import os
import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal import orm, rewards
from portal.errors import PortalError
from portal.rewards import VoucherStatus
from tests.rewards.conftest import Shop

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REWARDS = {
    # name: price, stock, per member, days, on lapse, kind
    "mug": (50, 3, None, 3, "return", "free_item"),
    "pen": (20, None, 2, 7, "return", "free_item"),
    "tea": (30, 2, 1, 2, "keep", "free_item"),
    "tree": (10, None, 3, 1, "return", "donation"),
}

which = st.integers(0, 5)
name = st.sampled_from(sorted(REWARDS))


@dataclass(eq=False)
class Holder:
    """Points never die here: that is the ledger's own machine's business."""

    id: str
    points: int = 0
    status: str = "active"
    family: set[str] = field(default_factory=set)
    merged: bool = False


@dataclass(eq=False)
class Paper:
    """A voucher, on paper."""

    view: object
    reward: str
    holder: Holder
    bought: str
    status: VoucherStatus = VoucherStatus.ISSUED

    @property
    def terms(self):
        return REWARDS[self.reward]


class VoucherMachine(RuleBasedStateMachine):
    """The portal and the paper, side by side."""

    make = staticmethod(lambda: None)
    drop = staticmethod(lambda url: None)
    start = None

    def __init__(self):
        super().__init__()
        self.url = self.make()
        self.engine = orm.make_engine(self.url)
        if self.engine.dialect.name == "sqlite":
            event.listen(
                self.engine, "connect", lambda c, _: c.cursor().execute("PRAGMA synchronous=OFF")
            )
        self.session = Session(self.engine, expire_on_commit=False)
        self.shop = Shop(self.session, self.start)
        self.program = self.shop.program(expiry={"kind": "never"})
        for each, (price, stock, limit, days, lapse, kind) in REWARDS.items():
            self.shop.reward(
                id=each,
                price=price,
                stock=stock,
                per_member=limit,
                voucher_days=days,
                on_lapse=lapse,
                kind=kind,
            )
        self.holders: list[Holder] = []
        self.papers: list[Paper] = []

    def teardown(self):
        try:
            assert self.shop.agrees()
            while self.shop.settle(at=self.shop.at):
                pass
            assert self.shop.agrees()
            self.everything_agrees()
        finally:
            self.session.close()
            self.engine.dispose()
            self.drop(self.url)

    @property
    def at(self):
        return self.shop.at

    # -- who and what

    @initialize(points=st.lists(st.integers(0, 300), min_size=2, max_size=4))
    def begin(self, points):
        for each in points:
            self.join(each)

    @rule(points=st.integers(0, 300))
    def join(self, points):
        if len(self.living()) < 6:
            account = self.shop.member(points, days=None)
            self.holders.append(Holder(account, points, family={account}))

    def living(self):
        return [holder for holder in self.holders if not holder.merged]

    def holder(self, number):
        living = self.living()
        return living[number % len(living)]

    def paper(self, number):
        """Mostly one that is open."""
        open_ = [paper for paper in self.papers if paper.status is VoucherStatus.ISSUED]
        chosen = open_ if open_ and number < 5 else self.papers
        return chosen[number % len(chosen)] if chosen else None

    # -- what the rules say

    def taken(self, reward):
        """How many of the stock are out."""
        out = (VoucherStatus.ISSUED, VoucherStatus.USED)
        return sum(paper.reward == reward and paper.status in out for paper in self.papers)

    def had(self, holder, reward):
        """What counts against the limit."""
        return sum(
            paper.reward == reward
            and paper.bought in holder.family
            and (
                paper.status in (VoucherStatus.ISSUED, VoucherStatus.USED)
                or (paper.status is VoucherStatus.LAPSED and paper.terms[4] == "keep")
            )
            for paper in self.papers
        )

    def may_have(self, holder, reward):
        price, stock, limit, *_ = REWARDS[reward]
        return (
            holder.status == "active"
            and holder.points >= price
            and (stock is None or self.taken(reward) < stock)
            and (limit is None or self.had(holder, reward) < limit)
        )

    # -- steps

    @rule(number=which, points=st.integers(1, 200))
    def earn(self, number, points):
        holder = self.holder(number)
        if holder.status != "closed":
            self.shop.earn(holder.id, points, days=None)
            holder.points += points

    @rule(number=which, reward=name)
    def issue(self, number, reward):
        holder = self.holder(number)
        if not self.may_have(holder, reward):
            with pytest.raises(PortalError):
                self.shop.issue(holder.id, reward)
            return
        view = self.shop.issue(holder.id, reward)
        paper = Paper(view, reward, holder, holder.id)
        holder.points -= REWARDS[reward][0]
        if REWARDS[reward][5] == "donation":
            paper.status = VoucherStatus.USED
        self.papers.append(paper)

    @rule(number=which)
    def use(self, number):
        paper = self.paper(number)
        if paper is None:
            return
        if paper.status is not VoucherStatus.ISSUED or paper.holder.status == "frozen":
            with pytest.raises(PortalError):
                self.shop.use(paper.view)
            return
        self.shop.use(paper.view, store="s")
        paper.status = VoucherStatus.USED

    @rule(number=which, other=which)
    def cancel(self, number, other):
        paper = self.paper(number)
        if paper is None:
            return
        asker = self.holder(other)
        more = {"account_ids": [asker.id]} if other < 3 else {}
        theirs = not more or asker is paper.holder
        if paper.status is not VoucherStatus.ISSUED or not theirs:
            with pytest.raises(PortalError):
                self.shop.cancel(paper.view, **more)
            return
        self.shop.cancel(paper.view, **more)
        paper.status = VoucherStatus.CANCELLED
        paper.holder.points += paper.terms[0]

    @rule(one=which, two=which)
    def merge(self, one, two):
        source, target = self.holder(one), self.holder(two)
        if source is target or target.status == "closed":
            with pytest.raises(PortalError):
                self.shop.merge(source.id, target.id)
            return
        self.shop.merge(source.id, target.id)
        target.points += source.points
        target.family |= source.family
        source.merged, source.points = True, 0
        for paper in self.papers:
            if paper.holder is source:
                paper.holder = target

    @rule(number=which, verb=st.sampled_from(["close", "reopen", "freeze", "unfreeze"]))
    def change(self, number, verb):
        holder = self.holder(number)
        before, after = {
            "close": (("active", "frozen"), "closed"),
            "reopen": (("closed",), "active"),
            "freeze": (("active",), "frozen"),
            "unfreeze": (("frozen",), "active"),
        }[verb]
        if holder.status not in before:
            with pytest.raises(PortalError):
                self.shop.change(verb, holder.id)
            return
        self.shop.change(verb, holder.id)
        holder.status = after

    @rule(hours=st.sampled_from([1, 12, 24, 48, 100]))
    def time_passes(self, hours):
        self.until(self.at + hours * HOUR)

    @rule(off=st.sampled_from([-1, 0, 1]))
    def time_passes_until_one_lapses(self, off):
        ends = [
            paper.view.expires_at
            for paper in self.papers
            if paper.status is VoucherStatus.ISSUED and paper.view.expires_at > self.at
        ]
        if ends:
            self.until(max(self.at, min(ends) + timedelta(seconds=off)))

    def until(self, at):
        self.shop.at = at
        for paper in self.papers:
            if paper.status is VoucherStatus.ISSUED and paper.view.expires_at <= at:
                paper.status = VoucherStatus.LAPSED
                if paper.terms[4] == "return":
                    paper.holder.points += paper.terms[0]

    @rule()
    def settle(self):
        self.shop.settle(at=self.at)

    @rule()
    def write_down_lapses(self):
        with orm.writing(self.session):
            rewards.write_down_lapses(self.session, at=self.at)

    @rule()
    def verify(self):
        assert self.shop.agrees()

    # -- what must hold

    @invariant()
    def everything_agrees(self):
        told = {}
        for holder in self.living():
            assert self.shop.balance(holder.id) == holder.points
            page = rewards.vouchers_of(self.session, account_ids=[holder.id], at=self.at, limit=100)
            assert page.next_cursor is None
            told |= {view.id: (holder.id, view.status) for view in page.vouchers}
        assert told == {paper.view.id: (paper.holder.id, paper.status) for paper in self.papers}

    @rule(number=which)
    def what_the_catalogue_says_is_what_may_be_had(self, number):
        holder = self.holder(number)
        offers = rewards.catalogue(
            self.session,
            program=self.program,
            account=self.shop.account(holder.id),
            at=self.at,
        )
        for offer in offers:
            reward = offer.reward.id
            stock = REWARDS[reward][1]
            assert offer.available == self.may_have(holder, reward)
            assert offer.left == (None if stock is None else stock - self.taken(reward))
            assert offer.mine == self.had(holder, reward)
        self.session.rollback()


def test_vouchers_agree_with_the_paper_after_every_step(databases, heavy, at):
    small, full = ((20, 30), (600, 60)) if databases.name == "sqlite" else ((3, 20), (60, 40))
    examples, steps = full if heavy else small
    chosen = int(os.environ.get("PORTAL_TEST_SEED", random.randrange(2**32)))
    print(f"PORTAL_TEST_SEED={chosen}")

    def machine():
        return type(
            "Machine",
            (VoucherMachine,),
            {
                "make": staticmethod(databases.make),
                "drop": staticmethod(databases.drop),
                "start": at,
            },
        )()

    run_state_machine_as_test(
        seed(chosen)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        ),
    )
