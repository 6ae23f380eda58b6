"""Pages, filters, balances of the past, and what the database does for them."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from portal import ledger, orm
from portal.ledger import Category, EntryType, EventName, errors, overview
from portal.ledger.models import Entry
from tests.ledger.conftest import Book, add_programs, facts

DAY = timedelta(days=1)


# -- balances of the past

steps = st.lists(
    st.tuples(
        st.sampled_from(["earn", "late", "promised", "trigger", "spend", "release", "wait"]),
        st.integers(1, 40),
        st.integers(0, 30),
    ),
    min_size=3,
    max_size=15,
)


@given(steps=steps, probes=st.lists(st.integers(-80, 500), min_size=1, max_size=8))
@settings(max_examples=25)
def test_balances_of_the_past_are_the_sum_of_what_happened_by_then(engine, at, steps, probes):
    with Session(engine, expire_on_commit=False) as session:
        if not session.execute(text("SELECT count(*) FROM program")).scalar_one():
            add_programs(session, at)
        book = Book(session, at)
        account = book.open()
        now = at
        for verb, points, days in steps:
            match verb:
                case "earn":
                    book.earn(account, points, days=days + 1, at=now)
                case "late":
                    book.earn(account, points, days=40, at=now, occurred_at=now - days * DAY)
                case "promised":
                    book.earn(account, points, at=now, available_from=now + (days + 1) * DAY)
                case "trigger":
                    book.earn(account, points, at=now, trigger="delivered")
                case "spend":
                    book.adjust(account, -points, at=now, allow_negative=True)
                case "release":
                    try:
                        book.release(account, "delivered", at=now)
                    except errors.NothingToRelease:
                        session.rollback()
                case "wait":
                    now += days * DAY
        end = now + 60 * DAY
        session.rollback()
        instants = [at + day * DAY for day in probes if at + day * DAY <= end]
        # What is due and unbooked is told by the projection: book it, and ask the rows.
        series = ledger.balance_series(session, account_id=account, instants=instants)
        position = ledger.position(session, account_id=account, at=end)
        assert overview.course(session, position=position, instants=instants) == series
        told = [ledger.balances(session, account_id=account, at=when) for when in instants]
        book.settle(at=end)
        rows = session.execute(select(Entry.__table__).where(Entry.account_id == account)).all()
        for when, regular, each in zip(instants, series, told, strict=True):
            for category in Category:
                brute = sum(
                    row.amount
                    for row in rows
                    if row.category == category and row.occurred_at <= when
                )
                assert each[category] == brute
            assert regular == each[Category.REGULAR]
        for when in instants:
            by_record = ledger.balances(session, account_id=account, at=when, by="recorded_at")
            for category in Category:
                assert by_record[category] == sum(
                    row.amount
                    for row in rows
                    if row.category == category and row.recorded_at <= when
                )
        assert ledger.balance_series(session, account_id=account, instants=[]) == []


def test_balances_of_nobody_are_not_found(book, at):
    for by in ("occurred_at", "recorded_at"):
        with pytest.raises(errors.AccountNotFound):
            ledger.balances(book.session, account_id="loy_none", at=at, by=by)
    with pytest.raises(errors.AccountNotFound):
        book.history("loy_none")
    with pytest.raises(errors.AccountNotFound):
        book.position("loy_none")


# -- pages


@pytest.fixture
def family(book, session, at):
    """An account with a long story, two others merged into it one after the other."""
    chance = random.Random(7)
    first, second, third = (book.open() for _ in range(3))
    for number in range(40):
        account = (first, second, third)[number % 3]
        when = at - chance.randint(0, 5) * DAY
        with orm.writing(session):
            ledger.earn(
                session,
                account_id=account,
                points=number + 1,
                expires_at=at + (number % 7 + 20) * DAY,
                facts=facts(
                    occurred_at=when, store=f"s{number % 2}", till=f"t{number % 3}", note="so"
                ),
                at=at,
            )
    book.earn(first, 9, available_from=at + DAY)
    book.earn(second, 9, trigger="delivered")
    redemption = book.redeem(first, 30)
    book.give_back(redemption.id, 10)
    book.give_back(redemption.id, 5)
    book.merge(first, second, at=at + DAY)
    book.merge(second, third, at=at + DAY)
    return third


def pages(book, account, *, at, limit, between=lambda: None, **filters):
    lines, cursor = [], None
    while True:
        page = book.history(account, at=at, limit=limit, cursor=cursor, **filters)
        assert len(page.lines) <= limit
        lines += page.lines
        if (cursor := page.next_cursor) is None:
            return lines
        between()


FILTERS = [
    {},
    {"types": [EntryType.EARN]},
    {"types": [EntryType.REDEEM, EntryType.REVERSE, EntryType.MERGE]},
    {"category": Category.PROMISED},
    {"kind": "credit"},
    {"kind": "debit"},
    {"store": "s1"},
    {"till": "t2", "store": "s0"},
    {"occurred_from": -2, "occurred_to": 0},
    {"expires_from": 22},
    {"expires_to": 23},
    {"expires_from": 21, "expires_to": 24, "kind": "credit"},
]


def fits(line, lots, filters):
    entry, what = line.entry, line.event
    expiries = lots.get((entry.account_id, entry.sequence), [])
    tests = {
        "types": lambda v: entry.type in v,
        "category": lambda v: entry.category == v,
        "kind": lambda v: (entry.amount > 0) if v == "credit" else (entry.amount < 0),
        "store": lambda v: what.store == v,
        "till": lambda v: what.till == v,
        "occurred_from": lambda v: entry.occurred_at >= v,
        "occurred_to": lambda v: entry.occurred_at < v,
    }
    lot = any(
        filters.get("expires_from", when) <= when
        and ("expires_to" not in filters or when < filters["expires_to"])
        for when in expiries
    )
    if ("expires_from" in filters or "expires_to" in filters) and not lot:
        return False
    return all(tests[name](value) for name, value in filters.items() if name in tests)


def test_pages_put_together_are_the_whole_list(book, session, at, family):
    later = at + DAY
    everything = book.history(family, at=later, limit=1000).lines
    assert len(everything) > 50
    order = [(e.entry.occurred_at, e.entry.account_id, e.entry.sequence) for e in everything]
    assert order == sorted(order, reverse=True)
    lots: dict = {}
    for account, sequence, when in session.execute(
        text("SELECT account_id, entry_sequence, expires_at FROM lot").columns(
            expires_at=orm.UtcDateTime()
        )
    ):
        lots.setdefault((account, sequence), []).append(when)
    for filters in FILTERS:
        filters = {
            name: at + value * DAY if name.partition("_")[0] in ("occurred", "expires") else value
            for name, value in filters.items()
        }
        expected = [line for line in everything if fits(line, lots, filters)]
        assert expected, filters
        for limit in (1, 7, 20):
            assert pages(book, family, at=later, limit=limit, **filters) == expected, filters


def test_pages_stay_whole_while_lines_are_added(book, at, family):
    later = at + DAY
    before = book.history(family, at=later, limit=1000).lines
    soon = iter(range(1, 100))

    def add():
        book.earn(family, 1, at=later + next(soon) * timedelta(seconds=1))

    assert pages(book, family, at=later + 2 * DAY, limit=9, between=add) == list(before)


NONSENSE = [
    "",
    "x",
    "é",
    "AAAA",
    "Mnx4fDE",
    "MjAyNi0wMy0wMnxsb3lfeHwx",
    "OTk5OS0xMi0zMVQyMzo1OTo1OS0yMzo1OXxsb3lfeHwx",
    "MjAyNi0wMy0wMlQwMDowMDowMCswMDowMHxsb3lfeHwtMQ",
    "MjAyNi0wMy0wMlQwMDowMDowMCswMDowMHxsb3lfeHw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
]


def test_a_cursor_that_was_not_given_out_is_refused(book):
    account = book.open()
    for cursor in NONSENSE:
        with pytest.raises(errors.InvalidCursor):
            book.history(account, cursor=cursor)


def test_a_reversal_is_linked_both_ways(book):
    account = book.open()
    book.earn(account, 50)
    redemption = book.redeem(account, 30)
    first, second = (book.give_back(redemption.id, n).id for n in (10, 20))
    lines = {line.entry.id: line for line in book.history(account).lines}
    assert lines[redemption.entry_id].reversed_by == (first, second)
    assert lines[first].entry.reverses == redemption.entry_id


def statements(session, do):
    seen = []
    engine = session.get_bind()

    def see(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", see)
    try:
        do()
    finally:
        event.remove(engine, "before_cursor_execute", see)
    return [s for s in seen if not s.startswith(("PRAGMA", "BEGIN"))]


def test_a_page_costs_the_same_number_of_statements_however_deep(book, session, at):
    account = book.open()
    for _ in range(30):
        book.earn(account, 1)
    page = book.history(account, limit=5)
    counts = []
    while True:
        cursor = page.next_cursor
        counts.append(
            len(statements(session, lambda c=cursor: book.history(account, limit=5, cursor=c)))
        )
        page = book.history(account, limit=5, cursor=cursor)
        if page.next_cursor is None:
            break
    assert set(counts) == {counts[0]}
    assert counts[0] <= 5
    assert len(statements(session, lambda: book.position(account))) == 2


def plan(session, statement, parameters):
    engine = session.get_bind()
    seen = []

    def see(_connection, _cursor, written, bound, *_):
        seen.append((written, bound))

    event.listen(engine, "before_cursor_execute", see)
    session.execute(statement, parameters) if statement is not None else parameters()
    event.remove(engine, "before_cursor_execute", see)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    plans = []
    for written, bound in seen:
        if written.startswith("SELECT"):
            rows = session.connection().exec_driver_sql(explain + written, bound).all()
            plans.append((written, "\n".join(str(row[-1]) for row in rows)))
    return plans


@pytest.fixture
def crowded(book, session, engine):
    """Enough rows that a plan has to choose, and statistics to choose by."""
    accounts = [book.open() for _ in range(3)]
    for account in accounts:
        with orm.writing(session):
            ledger.post(
                session,
                [
                    ledger.Happening(
                        facts=facts(),
                        movements=[
                            ledger.Earn(
                                account_id=account,
                                points=1,
                                expires_at=book.at + (number % 300 + 1) * DAY,
                            )
                        ],
                    )
                    for number in range(1500)
                ],
                at=book.at,
            )
    with orm.writing(session):
        session.execute(text("ANALYZE"))
    return accounts[0]


def test_pages_and_lots_are_read_through_their_indexes(book, session, engine, crowded):
    cursor = book.history(crowded).next_cursor
    found = plan(session, None, lambda: book.history(crowded, cursor=cursor))
    page = next(p for written, p in found if "LEFT OUTER JOIN event_detail" in written)
    assert "ix_entry__account_id_occurred_at" in page
    found = plan(
        session,
        None,
        lambda: ledger.queries.settled(session, crowded, at=book.at).source.open_lots(
            crowded, category="regular", after=None, limit=16
        ),
    )
    (lots,) = [p for written, p in found if "FROM lot" in written]
    assert "ix_lot__open" in lots
    for each in (page, lots):
        assert "USE TEMP B-TREE" not in each
        assert "Sort" not in each
        assert "SCAN" not in each
        assert "Seq Scan on entry" not in each
        assert "Seq Scan on lot" not in each


# -- stories


def test_a_line_is_explained_to_where_its_points_first_came_from(book, at):
    sender, recipient = book.open(), book.open()
    earned = book.earn(sender, 50, days=20, available_from=at + DAY)
    later = at + 2 * DAY
    book.transfer(sender, recipient, 30, at=later)
    redemption = book.redeem(recipient, 25, at=later)
    told = ledger.story(book.session, entry_id=redemption.entry_id)
    assert [(part.points, part.opened_by, part.expires_at) for part in told.lots] == [
        (25, earned.entries[0].id, at + 20 * DAY)
    ]
    assert told.lots[0].event.id == earned.event_id
    assert told.used_by == ()
    back = book.give_back(redemption.id, 5, at=later)
    told = ledger.story(book.session, entry_id=back.id)
    assert [part.points for part in told.lots] == [5]
    received = next(
        line.entry
        for line in book.history(recipient, at=later).lines
        if line.entry.type == "transfer"
    )
    told = ledger.story(book.session, entry_id=received.id)
    assert [(use.entry_id, use.points) for use in told.used_by] == [(redemption.entry_id, 20)]


def test_a_debt_has_no_lots_to_tell_of(book):
    account = book.open()
    debit = book.adjust(account, -5, allow_negative=True).entries[0]
    told = ledger.story(book.session, entry_id=debit.id)
    assert told.lots == ()
    for unknown in ("ptx_0-99", "ptx_é-1", "ptx_0-9x", "evt_1"):
        with pytest.raises(errors.EntryNotFound):
            ledger.story(book.session, entry_id=unknown)


def test_an_order_is_told_with_its_line(book, session, at):
    account = book.open()
    order = ledger.OrderFacts(
        id="ord_1", number="R-7", value=1250, currency="EUR", placed_at=at - DAY
    )
    with orm.writing(session):
        ledger.earn(
            session,
            account_id=account,
            points=12,
            expires_at=None,
            facts=facts(EventName.TRANSACTION_ADD, order=order, metadata={"a": [1]}),
            at=at,
        )
    (line,) = book.history(account).lines
    assert line.event.order == order
    assert line.event.metadata == {"a": [1]}
    assert line.entry.expires_at is None
