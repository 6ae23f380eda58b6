import csv
import random
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from portal import ledger, members, orm, programs
from portal.errors import NotFound
from portal.imports import UnusableFile, errors_path, import_purchases
from portal.ledger.models import Account, Entry
from portal.members.models import Customer
from portal.orders.models import Order

SAMPLE = Path(__file__).with_name("cdnow_sample.csv")
HEADER = "customer_external_id,store_code,receipt_number,purchased_at,amount,currency"

PROGRAM = {
    "id": "cdnow",
    "name": "CDNOW",
    "currency": "PTS",
    "timezone": "America/New_York",
    "default": True,
    "auto_enrol": True,
    "expiry": {"kind": "never"},
    "rate": {"points": 100, "value": 100, "currency": "USD"},
    "earning": [
        {"id": "base", "kind": "spend", "currency": "USD", "per": 100, "points": 1},
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
    ],
}


@pytest.fixture
def program(session, at):
    with orm.writing(session):
        return programs.apply(session, document=PROGRAM, actor="test", at=at).program


@pytest.fixture
def bring_in(session, program, at, tmp_path):
    """Imports rows, or a whole file, and gives the summary."""

    def run(*rows, path=None, **options):
        if path is None:
            path = tmp_path / "purchases.csv"
            path.write_text("\n".join((options.pop("header", HEADER), *rows)) + "\n")
        return import_purchases(session, path=path, at=at, actor="test", **options)

    return run


def account_of(session, program, external_id, at):
    customer = members.find_customer(session, type="external_id", value=external_id)
    account = members.account_for(session, customer_id=customer.id, program=program)
    return ledger.position(session, account_id=account.id, at=at)


def independent_sums():
    """What the sample must come to, worked out without any of our code."""
    points, rows = defaultdict(int), 0
    with SAMPLE.open(newline="") as stream:
        for row in csv.DictReader(stream):
            rows += 1
            if Decimal(row["amount"]) > 0:
                points[row["customer_external_id"]] += int(Decimal(row["amount"]))
    return rows, points


def count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def test_real_purchases_come_to_what_an_independent_sum_says(bring_in, session, program, at):
    rows, points = independent_sums()
    summary = bring_in(path=SAMPLE)

    assert (summary.read, summary.imported) == (rows, rows) == (434, 434)
    assert (summary.skipped, summary.bad) == (0, 0)
    assert summary.points == sum(points.values())
    assert summary.enrolled == len(points) == count(session, Account) == count(session, Customer)
    for external_id, expected in points.items():
        assert account_of(session, program, external_id, at).balance == expected + 50
    earned = session.scalar(select(func.count()).select_from(Entry).where(Entry.type == "earn"))
    at_least_one = sum(
        Decimal(row["amount"]) >= 1 for row in csv.DictReader(SAMPLE.read_text().splitlines())
    )
    assert earned == at_least_one + len(points)
    assert ledger.verify(session) == []
    assert not errors_path(SAMPLE).exists()


def test_a_second_run_changes_nothing(bring_in, session, at):
    bring_in(path=SAMPLE)
    before = [count(session, model) for model in (Order, Entry, Account, Customer)]
    again = bring_in(path=SAMPLE)
    assert (again.imported, again.skipped, again.bad) == (0, 434, 0)
    assert (again.points, again.enrolled) == (0, 0)
    assert [count(session, model) for model in (Order, Entry, Account, Customer)] == before


def test_an_import_that_was_killed_goes_on_where_it_was(bring_in, session, program, at):
    class KilledError(Exception):
        pass

    def killer(line, of):
        if line > 200:
            raise KilledError

    with pytest.raises(KilledError):
        bring_in(path=SAMPLE, progress=killer, batch_rows=50)
    done = count(session, Order)
    assert done == 200

    rest = bring_in(path=SAMPLE, batch_rows=50)
    assert (rest.imported, rest.skipped) == (434 - done, done)
    _, points = independent_sums()
    assert session.scalar(select(func.sum(Account.lifetime))) == sum(points.values()) + 50 * len(
        points
    )
    assert ledger.verify(session) == []


def test_the_order_of_the_file_does_not_matter(bring_in, session, program, at, tmp_path):
    header, *rows = SAMPLE.read_text().splitlines()
    random.Random(1).shuffle(rows)
    summary = bring_in(*rows, header=header, batch_rows=60)
    _, points = independent_sums()
    assert (summary.imported, summary.points) == (434, sum(points.values()))
    for external_id, expected in points.items():
        assert account_of(session, program, external_id, at).balance == expected + 50
    assert ledger.verify(session) == []


def test_bad_rows_are_listed_by_line_and_stop_nothing_else(
    bring_in, session, program, at, tmp_path
):
    summary = bring_in(
        "c1,s,1,2026-01-05,10.00,USD",
        ",s,2,2026-01-05,10.00,USD",
        "c1,s,3,2026-13-05,10.00,USD",
        "c1,s,4,2026-01-05,ten,USD",
        "c1,s,5,2026-01-05,1.001,USD",
        "c1,s,6,2026-01-05,10.00,DOLLARS",
        "c1,s,7,2030-01-05,10.00,USD",
        f"c1,{'s' * 65},8,2026-01-05,10.00,USD",
        "c1,s,9,2026-01-05,10.00",
        "c1,s,1,2026-01-05,99.00,USD",
        "c2,s,10,2026-01-06,20.99,USD",
    )
    assert (summary.read, summary.imported, summary.bad) == (11, 2, 9)
    listed = list(csv.reader((tmp_path / "purchases.csv.errors.csv").read_text().splitlines()))
    assert listed[0] == ["line", "reason"]
    reasons = {int(line): reason for line, reason in listed[1:]}
    assert sorted(reasons) == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    for line, beginning in {
        3: "customer_external_id: is empty",
        4: "purchased_at: ",
        5: "amount: ",
        6: "amount: 1.001 has more than the 2 decimals of USD",
        7: "currency: ",
        8: "purchased_at: ",
        9: "store_code: ",
        10: "it has 5 fields",
        11: "receipt_number: This receipt number was used",
    }.items():
        assert reasons[line].startswith(beginning), (line, reasons[line])
    assert account_of(session, program, "c1", at).balance == 60
    assert account_of(session, program, "c2", at).balance == 70
    assert ledger.verify(session) == []


def test_a_list_of_errors_does_not_outlive_them(bring_in, tmp_path):
    bring_in("c1,s,1,2026-01-05,ten,USD")
    assert errors_path(tmp_path / "purchases.csv").exists()
    bring_in("c1,s,1,2026-01-05,10,USD")
    assert not errors_path(tmp_path / "purchases.csv").exists()


def test_a_purchase_of_zero_or_less_enrols_nobody_and_earns_nothing(bring_in, session):
    summary = bring_in(
        "c1,s,1,2026-01-05,0.00,USD",
        "c1,s,2,2026-01-05,-5.00,USD",
    )
    assert (summary.imported, summary.enrolled, summary.points) == (2, 0, 0)
    assert count(session, Account) == count(session, Entry) == 0


def test_where_the_program_does_not_enrol_purchases_are_kept_without_points(
    bring_in, session, program, at
):
    with orm.writing(session):
        programs.apply(session, document=PROGRAM | {"auto_enrol": False}, actor="test", at=at)
    summary = bring_in("c1,s,1,2026-01-05,10.00,USD")
    assert (summary.imported, summary.unenrolled, summary.points) == (1, 1, 0)
    assert count(session, Account) == 0


def test_other_columns_are_kept_as_metadata(bring_in, session):
    bring_in(
        'c1,s,1,2026-01-05,10.00,USD,"two\nlines",',
        header=f"{HEADER},note,campaign",
    )
    assert session.scalar(select(Order.details)) == {"note": "two\nlines"}


def test_metadata_has_a_limit(bring_in):
    summary = bring_in(f"c1,s,1,2026-01-05,10.00,USD,{'x' * 9000}", header=f"{HEADER},note")
    assert summary.bad == 1


def test_the_same_row_twice_in_one_file_is_imported_once(bring_in, session, program, at):
    row = "c1,s,1,2026-01-05,10.00,USD"
    summary = bring_in(row, row, row)
    assert (summary.imported, summary.skipped) == (1, 2)
    assert account_of(session, program, "c1", at).balance == 60


def test_a_day_is_the_programs_day(bring_in, session):
    bring_in("c1,s,1,2026-01-05,10.00,USD")
    assert session.scalar(select(Order.placed_at)).isoformat() == "2026-01-05T05:00:00+00:00"


def test_progress_ends_at_the_last_line(bring_in):
    told = []
    bring_in(path=SAMPLE, batch_rows=100, progress=lambda line, of: told.append((line, of)))
    assert [line for line, _ in told] == [101, 201, 301, 401, 435]
    assert {of for _, of in told} == {435}


def test_an_unknown_program_is_refused_before_anything_is_done(bring_in, session):
    with pytest.raises(NotFound):
        bring_in(path=SAMPLE, program_id="nowhere")
    assert count(session, Order) == 0


def test_a_file_without_its_columns_imports_nothing(bring_in, session):
    with pytest.raises(UnusableFile, match="receipt_number"):
        bring_in("c1,s,1", header="customer_external_id,store_code,receipt")
    assert count(session, Order) == 0
