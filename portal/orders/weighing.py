"""What each purchase of a batch earns: its buyer's tier, usage limits, and the rules."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from portal.ledger.posting import lock
from portal.orders import tiers, uses
from portal.orders.rows import Row, by_date
from portal.programs.earning import Earned, earned
from portal.programs.program import Program, Tier, TierBasis
from portal.programs.tiers import Reached, decided


def weigh(session: Session, rows: Sequence[Row], program: Program, *, at: datetime) -> None:
    """Decide what each of ``rows`` earns, and count the uses of rules with a limit.

    Where tiers or limits are asked, the accounts are locked first, then the
    counters: what is decided here still holds when it is posted.
    """
    earning = [row for row in by_date(rows) if row.booked and row.earns]
    if not earning:
        return
    if not program.tiers and not program.ruleset.counted:
        for row in earning:
            row.earned = earned(program, row.purchase)
        return
    accounts = {row.account_id or "" for row in earning}
    locked = lock(session, sorted(accounts))
    ladder = _Ladder(program)
    if program.tiers:
        ladder.load(
            tiers.standings(session, program=program, account_ids=accounts, at=at, rows=locked)
        )
    wanted = [uses.keys(program, row.purchase, row.account_id or "") for row in earning]
    every = {key for keys in wanted for key in keys.values()}
    known = uses.locked(session, program, every) if every else {}
    more: Counter[uses.Key] = Counter()
    for row, keys in zip(earning, wanted, strict=True):
        account_id = row.account_id or ""
        row.earned = earned(
            program,
            row.purchase,
            tier=ladder.tier(account_id),
            used={name: known[key] + more[key] for name, key in keys.items()},
        )
        ladder.climb(account_id, row.earned)
        for rule_id in row.earned.uses:
            for name in (rule_id, f"{rule_id}:member", f"{rule_id}:day"):
                if name in keys:
                    more[keys[name]] += 1
    uses.count(session, program, more)


class _Ladder:
    """Who stands where, as one purchase of a batch after the other lifts them.

    By a rolling year nobody climbs within a batch: it may span many years.
    """

    def __init__(self, program: Program):
        self._program = program
        self._climbs = program.tier_basis is TierBasis.LIFETIME
        self._points: dict[str, int] = {}
        self._tiers: dict[str, Tier | None] = {}
        self._reached: dict[str, Reached | None] = {}

    def load(self, standings: dict[str, tiers.Standing]) -> None:
        for account_id, standing in standings.items():
            self._points[account_id] = standing.points
            self._tiers[account_id] = standing.tier
            self._reached[account_id] = standing.reached

    def tier(self, account_id: str) -> Tier | None:
        return self._tiers.get(account_id)

    def climb(self, account_id: str, gain: Earned) -> None:
        if account_id not in self._points or not self._climbs or not gain.points:
            return
        self._points[account_id] += gain.points - gain.promised
        self._tiers[account_id] = decided(
            self._program, self._points[account_id], reached=self._reached[account_id]
        )
