"""The book as a few lists: what the ledger must agree with. It shares no code with it.

Times are whole seconds. Everything is settled at once when time moves, where
the ledger settles late and dates back: both must tell the same.
"""

from dataclasses import dataclass, field

FOREVER = 10**12
REGULAR, PROMISED, TRIGGERED = "regular", "promised", "trigger_based"


class Refused(Exception):
    """The rules do not allow it."""


@dataclass(eq=False)
class Lot:
    holder: "Account"
    category: str
    points: int
    earned_at: int
    expires_at: int
    number: int
    available_from: int = FOREVER
    trigger: str | None = None
    origin: "Lot | None" = None
    credit: "Credit | None" = None
    returned_at: int | None = None

    def goes_first(self):
        return (self.expires_at, self.earned_at, self.number)


@dataclass(eq=False)
class Credit:
    """An earning or a positive adjustment."""

    account: "Account"
    points: int
    counted: bool
    taken_back: int = 0


@dataclass(eq=False)
class Debit:
    """A redemption, a negative adjustment, or what a merge brought in debt."""

    account: "Account"
    points: int
    returned: int = 0
    parts: list[list] = field(default_factory=list)
    held_until: int | None = None
    grace: int | None = None
    voided: bool = False
    voucher: bool = False

    def covered_by(self, lot, points):
        for part in self.parts:
            if part[0] is lot:
                part[1] += points
                return
        self.parts.append([lot, points])


@dataclass(eq=False)
class Account:
    name: int
    status: str = "active"
    lots: list[Lot] = field(default_factory=list)
    debts: list[list] = field(default_factory=list)
    holds: list[Debit] = field(default_factory=list)
    lifetime: int = 0
    taken_back: int = 0
    purchases: int = 0
    idle: int = FOREVER
    merged_into: "Account | None" = None
    merged_from: list["Account"] = field(default_factory=list)

    def open(self, category):
        lots = [lot for lot in self.lots if lot.points and lot.category == category]
        return sorted(lots, key=Lot.goes_first)

    @property
    def balance(self):
        return sum(lot.points for lot in self.open(REGULAR)) - sum(d[1] for d in self.debts)

    @property
    def promised(self):
        return sum(lot.points for lot in self.lots if lot.category != REGULAR)

    def deadlines(self):
        found: dict[int, int] = {}
        if self.balance > 0:
            for lot in self.open(REGULAR):
                gone = min(lot.expires_at, self.idle)
                found[gone] = found.get(gone, 0) + lot.points
        return found

    def maturing(self):
        found: dict[tuple, int] = {}
        for lot in self.open(PROMISED) + self.open(TRIGGERED):
            key = (lot.available_from, lot.trigger, lot.expires_at)
            found[key] = found.get(key, 0) + lot.points
        return found

    def lineage(self):
        everyone = [self]
        for source in self.merged_from:
            everyone += source.lineage()
        return everyone

    def payments_held(self):
        return [hold for hold in self.holds if not hold.voucher]

    def survivor(self):
        return self.merged_into.survivor() if self.merged_into else self


class Model:
    def __init__(self):
        self.now = 0
        self.accounts: list[Account] = []
        self.credits: list[Credit] = []
        self.debits: list[Debit] = []
        self.redemptions: list[Debit] = []
        self.lots = 0

    # -- parts

    def new_lot(self, holder, category, points, **facts):
        self.lots += 1
        lot = Lot(holder, category, points, number=self.lots, **facts)
        holder.lots.append(lot)
        if category == REGULAR:
            self.pay_debts(holder, lot)
        return lot

    def pay_debts(self, account, lot):
        for debt in account.debts:
            paid = min(lot.points, debt[1])
            if paid:
                lot.points -= paid
                debt[1] -= paid
                debt[0].covered_by(lot, paid)
        account.debts = [debt for debt in account.debts if debt[1]]

    def take(self, account, debit, points, first=()):
        for lot in [*first, *account.open(REGULAR)]:
            part = min(lot.points, points)
            if part:
                lot.points -= part
                points -= part
                debit.covered_by(lot, part)
        if points:
            account.debts.append([debit, points])

    def give_back(self, account, debit, points, *, grace, when):
        unpaid = debit.points - debit.returned - sum(part for _, part in debit.parts)
        debit.returned += points
        unpaid = min(unpaid, points)
        points -= unpaid
        if unpaid and debit.account is account:
            for debt in account.debts:
                if debt[0] is debit:
                    debt[1] -= unpaid
            account.debts = [debt for debt in account.debts if debt[1]]
        elif unpaid:
            self.new_lot(account, REGULAR, unpaid, earned_at=when, expires_at=grace or FOREVER)
        for part in reversed(debit.parts):
            lot, taken = part
            back = min(taken, points)
            if not back:
                continue
            part[1] -= back
            points -= back
            dead = lot.expires_at <= when
            if lot.holder is account and not (dead and grace):
                lot.points += back
                lot.returned_at = when if dead else None
                self.pay_debts(account, lot)
            else:
                self.new_lot(
                    account,
                    REGULAR,
                    back,
                    earned_at=lot.earned_at,
                    expires_at=grace if dead and grace else lot.expires_at,
                    origin=lot,
                )
        assert points == 0

    # -- time

    def settle(self, account):
        while True:
            due = [(hold.held_until, 0, hold) for hold in account.holds]
            for lot in account.lots:
                if not lot.points:
                    continue
                if lot.category == PROMISED and lot.available_from < lot.expires_at:
                    due.append((lot.available_from, 1, lot))
                else:
                    due.append((lot.returned_at or lot.expires_at, 2, lot))
            due.append((account.idle, 3, None))
            when, kind, what = min(due, key=lambda item: item[:2])
            if when > self.now or when == FOREVER:
                return
            if kind == 0:
                account.holds.remove(what)
                what.voided = True
                self.give_back(
                    account, what, what.points - what.returned, grace=what.grace, when=when
                )
            elif kind == 1:
                self.mature(account, what)
            elif kind == 2:
                what.points = 0
            else:
                account.idle = FOREVER
                for lot in account.open(REGULAR):
                    lot.points = 0

    def mature(self, account, lot):
        points, lot.points = lot.points, 0
        account.lifetime += points
        self.new_lot(
            account,
            REGULAR,
            points,
            earned_at=lot.earned_at,
            expires_at=lot.expires_at,
            origin=lot,
        )

    def move_on(self, now):
        # One instant after the other, as the ledger dates them.
        self.now = now
        for account in self.accounts:
            self.settle(account)

    def next_due(self):
        times = [self.now + 86_400]
        for account in self.accounts:
            times += [hold.held_until for hold in account.holds]
            times += [account.idle]
            for lot in account.lots:
                if lot.points:
                    times += [lot.expires_at, lot.available_from]
        return sorted({when for when in times if self.now < when < FOREVER})

    # -- rules

    def need(self, fits):
        if not fits:
            raise Refused

    def need_open(self, account):
        self.need(account.status in ("active", "frozen"))

    def be_active(self, account, idle):
        if idle is not None:
            account.idle = idle if account.idle == FOREVER else max(account.idle, idle)

    # -- verbs

    def earn(self, account, points, *, occurred_at, expires_at, available_from, trigger, idle):
        self.need_open(account)
        category = REGULAR
        if trigger:
            category = TRIGGERED
        elif available_from is not None and available_from > occurred_at:
            category = PROMISED
        if category != PROMISED:
            available_from = FOREVER
        if category == REGULAR:
            account.lifetime += points
        credit = Credit(account, points, counted=True)
        self.credits.append(credit)
        self.new_lot(
            account,
            category,
            points,
            earned_at=occurred_at,
            expires_at=expires_at,
            available_from=available_from,
            trigger=trigger,
            credit=credit,
        )
        self.be_active(account, idle)
        self.settle(account)

    def redeem(self, account, points, *, held_until, grace, idle, voucher):
        self.need(account.status == "active")
        self.need(points <= account.balance)
        debit = Debit(account, points, held_until=held_until, grace=grace, voucher=voucher)
        self.take(account, debit, points)
        self.redemptions.append(debit)
        if held_until is not None:
            account.holds.append(debit)
        self.be_active(account, idle)
        self.settle(account)

    def capture(self, debit, *, voucher):
        holder = debit.account.survivor()
        self.need(debit.voucher == voucher)
        self.need(debit in holder.holds)
        holder.holds.remove(debit)

    def void(self, debit, *, grace, voucher):
        holder = debit.account.survivor()
        self.need(debit.voucher == voucher)
        self.need(debit in holder.holds)
        holder.holds.remove(debit)
        debit.voided = True
        self.give_back(holder, debit, debit.points, grace=grace, when=self.now)
        self.settle(holder)

    def reverse_redemption(self, debit, points, *, grace, voucher):
        self.need(debit.voucher == voucher)
        self.need(debit not in debit.account.survivor().holds)
        self.return_debit(debit, points, grace=grace)

    def return_debit(self, debit, points, *, grace):
        remaining = debit.points - debit.returned
        self.need(remaining > 0)
        points = remaining if points is None else points
        self.need(0 < points <= remaining)
        account = debit.account.survivor()
        self.give_back(account, debit, points, grace=grace, when=self.now)
        self.settle(account)

    def reverse_earning(self, credit, points, *, policy, purchase_value):
        remaining = credit.points - credit.taken_back
        self.need(remaining > 0)
        points = remaining if points is None else points
        self.need(0 < points <= remaining)
        account = credit.account.survivor()
        account.purchases -= purchase_value
        family = account.lineage()

        def is_own(lot):
            while lot is not None and lot.holder in family:
                if lot.credit is credit:
                    return True
                lot = lot.origin
            return False

        own = [lot for lot in account.lots if lot.points and is_own(lot)]
        own.sort(key=Lot.goes_first)
        for lot in own:
            if lot.category != REGULAR:
                part = min(points, lot.points)
                lot.points -= part
                points -= part
                credit.taken_back += part
        if policy == "promised":
            points = 0
        if policy == "available":
            points = min(points, max(0, account.balance))
        if points:
            credit.taken_back += points
            account.taken_back += points if credit.counted else 0
            debit = Debit(account, points)
            self.take(account, debit, points, first=[lot for lot in own if lot.category == REGULAR])
        self.settle(account)

    def adjust(self, account, points, *, expires_at, counts, allow_negative):
        self.need_open(account)
        if points > 0:
            credit = Credit(account, points, counted=counts)
            self.credits.append(credit)
            account.lifetime += points if counts else 0
            self.new_lot(
                account,
                REGULAR,
                points,
                earned_at=self.now,
                expires_at=expires_at,
                credit=credit,
            )
        else:
            self.need(allow_negative or -points <= account.balance)
            debit = Debit(account, -points)
            self.debits.append(debit)
            self.take(account, debit, -points)
        self.settle(account)

    def release(self, account, trigger):
        self.need(account.status != "merged")
        lots = [lot for lot in account.open(TRIGGERED) if lot.trigger == trigger]
        self.need(lots)
        for lot in lots:
            self.mature(account, lot)

    def transfer(self, sender, recipient, points):
        self.need(sender is not recipient)
        self.need_open(recipient)
        self.need(sender.status == "active")
        self.need(points <= sender.balance)
        debit = Debit(sender, points)
        self.take(sender, debit, points)
        for lot, part in debit.parts:
            self.new_lot(
                recipient,
                REGULAR,
                part,
                earned_at=lot.earned_at,
                expires_at=min(lot.expires_at, sender.idle),
                origin=lot,
            )

    def merge(self, source, target):
        self.need(source is not target)
        self.need(source.status != "merged")
        self.need_open(target)
        self.need(not source.payments_held())
        if source.balance < 0:
            debit = Debit(target, -source.balance)
            source.debts = []
            self.take(target, debit, debit.points)
        for category in (REGULAR, PROMISED, TRIGGERED):
            for lot in source.open(category):
                points, lot.points = lot.points, 0
                self.new_lot(
                    target,
                    category,
                    points,
                    earned_at=lot.earned_at,
                    expires_at=lot.expires_at,
                    available_from=lot.available_from,
                    trigger=lot.trigger,
                    origin=lot,
                )
        for figure in ("lifetime", "taken_back", "purchases"):
            setattr(target, figure, getattr(target, figure) + getattr(source, figure))
            setattr(source, figure, 0)
        if FOREVER in (source.idle, target.idle):
            target.idle = min(source.idle, target.idle)
        else:
            target.idle = max(source.idle, target.idle)
        source.idle = FOREVER
        target.holds += source.holds
        source.holds = []
        source.status, source.merged_into = "merged", target
        target.merged_from.append(source)
        self.settle(target)

    def change(self, account, verb):
        before, after = {
            "close": (("active", "frozen"), "closed"),
            "reopen": (("closed",), "active"),
            "freeze": (("active",), "frozen"),
            "unfreeze": (("frozen",), "active"),
        }[verb]
        self.need(account.status in before)
        self.need(verb != "close" or not account.payments_held())
        account.status = after
