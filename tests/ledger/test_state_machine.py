"""Every verb in any order, at any time, against a model of a few lists."""

import copy
import os
import random
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
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from portal import ledger, orm, schema
from portal.errors import PortalError
from tests.ledger.conftest import Book, add_programs
from tests.ledger.model import FOREVER, TRIGGERED, Account, Model, Refused

TABLES = [
    schema.metadata.tables[name]
    for name in (
        "account",
        "event",
        "event_detail",
        "entry",
        "lot",
        "debt",
        "allocation",
        "redemption",
    )
]
MINUTE, DAY, YEAR = 60, 86_400, 365 * 86_400

which = st.integers(0, 7)
points = st.integers(1, 60)
share = st.sampled_from([1, 10, 25, 50, 75, 99, 100, 100, 101])
"""Of what there is, in percent; what is above is to be refused."""
part = st.one_of(st.none(), share, share)
span = st.sampled_from([1, 59, 15 * MINUTE, DAY, 10 * DAY, 10 * DAY + 1, 30 * DAY, YEAR])
maybe_span = st.one_of(st.none(), span)
trigger = st.sampled_from(["delivered", "reviewed"])
mistaken = st.sampled_from([False] * 9 + [True])
"""Now and then a voucher's redemption is taken for a payment, or the reverse."""


class LedgerMachine(RuleBasedStateMachine):
    """The ledger and the model, side by side; hypothesis picks the steps."""

    make = staticmethod(lambda: None)
    drop = staticmethod(lambda url: None)
    start = None

    def __init__(self):
        super().__init__()
        self.url = self.make()
        self.engine = orm.make_engine(self.url)
        if self.engine.dialect.name == "sqlite":
            # Nobody pulls the plug here, and the disk would be all that is measured.
            event.listen(
                self.engine, "connect", lambda c, _: c.cursor().execute("PRAGMA synchronous=OFF")
            )
        self.session = Session(self.engine, expire_on_commit=False)
        add_programs(self.session, self.start)
        self.model = Model()
        self.book = Book(self.session, self.start)
        self.ids: dict[object, str] = {}

    def teardown(self):
        try:
            self.session.rollback()
            assert ledger.verify(self.session) == []
            self.settle_everything()
            assert ledger.verify(self.session) == []
        finally:
            self.session.close()
            self.engine.dispose()
            self.drop(self.url)

    # -- both sides of a step

    @property
    def at(self):
        return self.start + timedelta(seconds=self.model.now)

    def instant(self, second):
        if second is None or second >= FOREVER:
            return None
        return self.start + timedelta(seconds=second)

    def after(self, seconds):
        return None if seconds is None else self.model.now + seconds

    def digest(self):
        self.session.rollback()
        return [self.session.connection().execute(select(t)).all() for t in TABLES]

    def both(self, on_model, on_book):
        """Do it on both sides: both do it, or both refuse and nothing has changed."""
        before = self.digest()
        tried = copy.deepcopy((self.model, self.ids))
        try:
            made = on_model(self.model)
        except Refused:
            with pytest.raises(PortalError):
                on_book(self.book)
            assert self.digest() == before
            # The model may have moved something before it refused.
            self.model, self.ids = tried
            return None, None
        answer = on_book(self.book)
        return made, answer

    def pick(self, index, items):
        return items[index % len(items)] if items else None

    def account(self, index):
        """Mostly one that takes movements; every eighth time any at all."""
        living = [a for a in self.model.accounts if a.status in ("active", "frozen")]
        return self.pick(index, self.model.accounts if index == 7 else living) or self.fresh()

    def rich(self, index):
        """Mostly one that can pay."""
        able = [a for a in self.model.accounts if a.status == "active" and a.balance > 0]
        return self.account(7) if index == 7 else self.pick(index, able) or self.poor(index)

    def poor(self, index):
        account = self.account(index)
        self.credit(account, 30, expires=self.after(10 * DAY))
        return account

    def other(self, account, index):
        """Mostly another one."""
        rest = [a for a in self.model.accounts if a is not account and a.status == "active"]
        return self.account(index) if index == 7 else self.pick(index, rest) or self.fresh()

    def fresh(self):
        account = Account(len(self.model.accounts))
        self.model.accounts.append(account)
        self.ids[account] = self.book.open(at=self.at)
        return account

    def portion(self, percent, whole):
        return max(1, -(-whole * percent // 100)) if percent is not None else None

    def id(self, thing):
        return self.ids[thing]

    # -- time

    @rule(seconds=st.one_of(span, st.integers(0, 3 * YEAR)))
    def time_passes(self, seconds):
        self.model.move_on(self.model.now + seconds)

    @rule(index=st.integers(0, 3), off=st.sampled_from([-1, 0, 1]))
    def time_passes_until_something_is_due(self, index, off):
        due = self.model.next_due()
        self.model.move_on(max(self.model.now, due[min(index, len(due) - 1)] + off))

    @rule(limit=st.integers(1, 3))
    def settle_some(self, limit):
        settled = self.book.settle(at=self.at, limit=limit)
        assert settled <= limit

    @rule()
    def settle_everything(self):
        while self.book.settle(at=self.at, limit=2):
            pass
        assert self.book.settle(at=self.at) == 0

    # -- accounts

    @initialize(points=st.lists(points, min_size=2, max_size=4))
    def begin(self, points):
        for number, each in enumerate(points):
            self.credit(self.fresh(), each, expires=(number + 1) * 10 * DAY)

    @rule(index=which, points=points)
    def open_with_points(self, index, points):
        if len(self.model.accounts) < 10:
            self.credit(self.fresh(), points, expires=self.after(30 * DAY))

    @rule(index=which, verb=st.sampled_from(["close", "freeze", "unfreeze", "reopen", "any"]))
    def change(self, index, verb):
        fits = {"close": "active", "freeze": "active", "unfreeze": "frozen", "reopen": "closed"}
        able = [a for a in self.model.accounts if a.status == fits.get(verb)]
        account = self.pick(index, able) or self.account(7)
        if verb == "any":
            verb = list(fits)[index % 4]
        self.both(
            lambda model: model.change(account, verb),
            lambda book: book.status(getattr(ledger, verb), self.id(account), at=self.at),
        )

    # -- points

    def credit(
        self, account, points, *, expires, happened=None, available=None, trigger=None, idle=None
    ):
        happened = self.model.now if happened is None else happened

        def on_model(model):
            model.earn(
                account,
                points,
                occurred_at=happened,
                expires_at=FOREVER if expires is None else expires,
                available_from=available,
                trigger=trigger,
                idle=idle,
            )
            return model.credits[-1]

        credit, posted = self.both(
            on_model,
            lambda book: book.earn(
                self.id(account),
                points,
                at=self.at,
                occurred_at=self.instant(happened),
                expires_at=self.instant(expires),
                available_from=self.instant(available),
                trigger=trigger,
                idle_expires_at=self.instant(idle),
            ),
        )
        if posted:
            self.ids[credit] = posted.entries[0].id

    @rule(index=which, points=points, lives=maybe_span)
    def earn(self, index, points, lives):
        self.credit(self.account(index), points, expires=self.after(lives))

    @rule(index=which, points=points, lives=maybe_span, waits=span)
    def earn_promised(self, index, points, lives, waits):
        self.credit(
            self.account(index), points, expires=self.after(lives), available=self.after(waits)
        )

    @rule(index=which, points=points, lives=maybe_span, trigger=trigger)
    def earn_for_a_trigger(self, index, points, lives, trigger):
        self.credit(self.account(index), points, expires=self.after(lives), trigger=trigger)

    @rule(index=which, points=points, lives=maybe_span, idle=span)
    def earn_and_be_active(self, index, points, lives, idle):
        self.credit(self.account(index), points, expires=self.after(lives), idle=self.after(idle))

    @rule(
        index=which,
        points=points,
        lives=maybe_span,
        waits=maybe_span,
        idle=st.one_of(st.none(), span),
        late=span,
    )
    def earn_late(self, index, points, lives, waits, idle, late):
        happened = self.model.now - late
        self.credit(
            self.account(index),
            points,
            happened=happened,
            expires=None if lives is None else happened + lives,
            available=None if waits is None else happened + waits,
            idle=None if idle is None else happened + idle,
        )

    @rule(
        index=which,
        percent=share,
        held=maybe_span,
        grace=maybe_span,
        idle=st.one_of(st.none(), st.none(), span),
        voucher=st.booleans(),
    )
    def redeem(self, index, percent, held, grace, idle, voucher):
        account = self.rich(index)
        points = self.portion(percent, max(0, account.balance))
        until = self.after(held)
        grace_at = None if until is None or grace is None else until + grace
        idle_at = self.after(idle)

        def on_model(model):
            model.redeem(
                account,
                points,
                held_until=until,
                grace=grace_at,
                idle=idle_at,
                voucher=voucher,
            )
            return model.redemptions[-1]

        debit, redemption = self.both(
            on_model,
            lambda book: book.redeem(
                self.id(account),
                points,
                at=self.at,
                held_until=self.instant(until),
                grace_expires_at=self.instant(grace_at),
                idle_expires_at=self.instant(idle_at),
                voucher=voucher,
            ),
        )
        if debit:
            self.ids[debit] = redemption.id

    def held(self, index):
        held = [hold for account in self.model.accounts for hold in account.holds]
        return self.pick(index, held) or self.pick(index, self.model.redemptions[::-1])

    @rule(index=which, mistaken=mistaken)
    def capture(self, index, mistaken):
        if debit := self.held(index):
            voucher = debit.voucher is not mistaken
            self.both(
                lambda model: model.capture(debit, voucher=voucher),
                lambda book: book.capture(self.id(debit), at=self.at, voucher=voucher),
            )

    @rule(index=which, grace=maybe_span, mistaken=mistaken)
    def void(self, index, grace, mistaken):
        if debit := self.held(index):
            grace_at = self.after(grace)
            voucher = debit.voucher is not mistaken
            self.both(
                lambda model: model.void(debit, grace=grace_at, voucher=voucher),
                lambda book: book.void(
                    self.id(debit),
                    at=self.at,
                    grace_expires_at=self.instant(grace_at),
                    voucher=voucher,
                ),
            )

    @rule(one=which, two=which, three=which, percent=share, held=span, grace=maybe_span)
    def set_aside_for_a_voucher_and_merge(self, one, two, three, percent, held, grace):
        """Chains of merges with a hold at their beginning: chance alone makes few."""
        self.redeem(one, percent, held, grace, None, voucher=True)
        for number in (two, three):
            # Looked for anew: a step that is refused leaves a copy of the model behind.
            holders = [a for a in self.model.accounts if a.holds and not a.payments_held()]
            merged = [a for a in holders if a.merged_from]
            if source := self.pick(number, merged or holders):
                target = self.other(source, number)
                self.both(
                    lambda model, source=source, target=target: model.merge(source, target),
                    lambda book, source=source, target=target: book.merge(
                        self.id(source), self.id(target), at=self.at
                    ),
                )

    @rule(index=which, percent=part, grace=maybe_span, mistaken=mistaken)
    def reverse_redemption(self, index, percent, grace, mistaken):
        left = [d for d in self.model.redemptions if d.returned < d.points] if index < 7 else []
        if debit := self.pick(index, left or self.model.redemptions):
            points = self.portion(percent, debit.points - debit.returned)
            grace_at = self.after(grace)
            voucher = debit.voucher is not mistaken
            _, reversal = self.both(
                lambda model: model.reverse_redemption(
                    debit, points, grace=grace_at, voucher=voucher
                ),
                lambda book: book.give_back(
                    self.id(debit),
                    points,
                    at=self.at,
                    grace_expires_at=self.instant(grace_at),
                    voucher=voucher,
                ),
            )
            if reversal:
                assert sum(r.points for r in reversal.restored) == reversal.points

    @rule(
        index=which,
        percent=part,
        policy=st.sampled_from(["debt", "available", "promised"]),
        value=st.integers(0, 50),
    )
    def reverse_earning(self, index, percent, policy, value):
        left = [c for c in self.model.credits if c.taken_back < c.points] if index < 7 else []
        if credit := self.pick(index, left[::-1] or self.model.credits):
            points = self.portion(percent, credit.points - credit.taken_back)
            self.both(
                lambda model: model.reverse_earning(
                    credit, points, policy=policy, purchase_value=value
                ),
                lambda book: book.take_back(
                    self.id(credit), points, at=self.at, policy=policy, purchase_value=value
                ),
            )

    @rule(
        index=which,
        points=st.one_of(st.integers(-60, -1), st.integers(1, 60)),
        lives=maybe_span,
        counts=st.booleans(),
        allow_negative=st.booleans(),
    )
    def adjust(self, index, points, lives, counts, allow_negative):
        account = self.account(index)
        expires = FOREVER if lives is None else self.after(lives)

        def on_model(model):
            model.adjust(
                account, points, expires_at=expires, counts=counts, allow_negative=allow_negative
            )
            return model.credits[-1] if points > 0 else model.debits[-1]

        made, posted = self.both(
            on_model,
            lambda book: book.adjust(
                self.id(account),
                points,
                at=self.at,
                expires_at=self.instant(expires),
                counts_as_earned=counts,
                allow_negative=allow_negative,
            ),
        )
        if made:
            self.ids[made] = posted.entries[0].id

    @rule(index=which, percent=part, grace=maybe_span)
    def reverse_adjustment(self, index, percent, grace):
        if debit := self.pick(index, self.model.debits):
            points = self.portion(percent, debit.points - debit.returned)
            grace_at = self.after(grace)
            self.both(
                lambda model: model.return_debit(debit, points, grace=grace_at),
                lambda book: book.take_back(
                    self.id(debit), points, at=self.at, grace_expires_at=self.instant(grace_at)
                ),
            )

    @rule(index=which, trigger=trigger)
    def release(self, index, trigger):
        able = [
            a for a in self.model.accounts if any(x.trigger == trigger for x in a.open(TRIGGERED))
        ]
        account = self.pick(index, able) or self.account(index)
        self.both(
            lambda model: model.release(account, trigger),
            lambda book: book.release(self.id(account), trigger, at=self.at),
        )

    @rule(one=which, two=which, percent=share)
    def transfer(self, one, two, percent):
        sender = self.rich(one)
        recipient = self.other(sender, two)
        points = self.portion(percent, max(0, sender.balance))
        _, posted = self.both(
            lambda model: model.transfer(sender, recipient, points),
            lambda book: book.transfer(self.id(sender), self.id(recipient), points, at=self.at),
        )
        if posted:
            assert sum(entry.amount for entry in posted.entries) == 0

    @rule(one=which, two=which)
    def merge(self, one, two):
        source = self.account(one)
        target = self.other(source, two)
        _, posted = self.both(
            lambda model: model.merge(source, target),
            lambda book: book.merge(self.id(source), self.id(target), at=self.at),
        )
        if posted:
            assert sum(entry.amount for entry in posted.entries) == 0

    # -- what must hold

    @rule(ahead=st.one_of(span, st.integers(0, 3 * YEAR)))
    def look_ahead(self, ahead):
        """What reads promise for a later time is what the model has then."""
        later = copy.deepcopy(self.model)
        later.move_on(later.now + ahead)
        for present, account in zip(self.model.accounts, later.accounts, strict=True):
            self.compare(self.id(present), account, at=self.start + timedelta(seconds=later.now))

    @rule()
    def verify(self):
        self.session.rollback()
        assert ledger.verify(self.session) == []

    @invariant()
    def both_sides_agree(self):
        for account in self.model.accounts:
            self.compare(self.id(account), account, at=self.at)

    def compare(self, account_id, account, *, at):
        position = self.book.position(account_id, at=at)
        told = position.account
        deadlines = {self.instant(when): n for when, n in account.deadlines().items()}
        maturing = {
            (self.instant(when), trigger, self.instant(expires)): n
            for (when, trigger, expires), n in account.maturing().items()
        }
        found = {
            "balance": position.balance,
            "promised": position.promised,
            "trigger_based": told.trigger_based,
            "lifetime": position.lifetime,
            "taken_back": told.taken_back,
            "purchases": told.lifetime_purchases,
            "debt": position.debt,
            "deadlines": {d.expires_at: d.points for d in position.deadlines},
            "maturing": {
                (m.available_from, m.trigger, m.expires_at): m.points for m in position.maturing
            },
            "status": told.status,
        }
        assert found == {
            "balance": account.balance,
            "promised": account.promised,
            "trigger_based": sum(lot.points for lot in account.open(TRIGGERED)),
            "lifetime": account.lifetime,
            "taken_back": account.taken_back,
            "purchases": account.purchases,
            "debt": max(0, -account.balance),
            "deadlines": deadlines,
            "maturing": maturing,
            "status": account.status,
        }


def test_the_ledger_agrees_with_the_model_after_every_step(databases, heavy, at):
    small, full = ((30, 30), (1500, 60)) if databases.name == "sqlite" else ((5, 25), (150, 50))
    examples, steps = full if heavy else small
    chosen = int(os.environ.get("PORTAL_TEST_SEED", random.randrange(2**32)))
    print(f"PORTAL_TEST_SEED={chosen}")

    def machine():
        return type(
            "Machine",
            (LedgerMachine,),
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
