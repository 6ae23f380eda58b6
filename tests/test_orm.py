"""Transactions: one way to write, and reads that cannot."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from portal import orm
from portal.errors import Busy, Misuse
from portal.programs.models import Program


def program(name="corner"):
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return {
        "id": name,
        "name": name,
        "currency": "PTS",
        "is_default": False,
        "version": 1,
        "document": {"unit": "Punkt é"},
        "created_at": at,
        "updated_at": at,
    }


ADD = insert(Program.__table__)


def names(session):
    session.rollback()
    return set(session.execute(select(Program.id)).scalars())


def test_what_is_written_inside_is_kept(session):
    with orm.writing(session):
        session.execute(ADD, program())
    assert names(session) == {"corner"}
    assert session.scalars(select(Program.document)).one() == {"unit": "Punkt é"}


def test_an_error_inside_takes_everything_back(session):
    with pytest.raises(ZeroDivisionError), orm.writing(session):  # noqa: PT012
        session.execute(ADD, program())
        _ = 1 / 0
    assert names(session) == set()
    with orm.writing(session):
        session.execute(ADD, program())
    assert names(session) == {"corner"}


def test_writing_cannot_be_nested(session):
    with pytest.raises(Misuse, match="only the edge"), orm.writing(session):  # noqa: PT012
        session.execute(ADD, program())
        with orm.writing(session):
            pass
    assert names(session) == set()


def test_what_was_recorded_survives_a_later_refusal(session):
    with orm.recording(session):
        session.execute(ADD, program())
    with pytest.raises(ZeroDivisionError), orm.writing(session):
        _ = 1 / 0
    assert names(session) == {"corner"}


def test_pending_changes_are_refused_rather_than_lost(session):
    session.add(Program(**program()))
    with pytest.raises(Misuse, match="before writing"), orm.writing(session):
        pass
    session.rollback()
    with orm.writing(session):
        session.add(Program(**program()))
    kept = session.get(Program, "corner")
    kept.name = "changed"
    with pytest.raises(Misuse, match="before writing"), orm.writing(session):
        pass


def test_a_reading_transaction_ends_when_writing_begins(session):
    assert names(session) == set()
    assert session.in_transaction()
    with orm.writing(session):
        session.execute(ADD, program())
    assert names(session) == {"corner"}


def test_a_write_outside_is_refused(session):
    with pytest.raises(DBAPIError, match=r"read-?only"):
        session.execute(ADD, program())
    session.rollback()
    with orm.writing(session):
        session.execute(ADD, program())
    # The connection that has just written reads again, and no more.
    with pytest.raises(DBAPIError, match=r"read-?only"):
        session.execute(ADD, program("second"))
    assert names(session) == {"corner"}


def impatient(url):
    engine = orm.make_engine(url)

    @event.listens_for(engine, "connect")
    def hurry(connection, _record):
        if engine.dialect.name == "sqlite":
            connection.cursor().execute("PRAGMA busy_timeout=100")
        else:
            connection.cursor().execute("SET SESSION lock_timeout = '100ms'")
            connection.commit()

    return engine


def test_a_lock_that_lasts_too_long_is_busy(session, engine_url):
    with orm.writing(session):
        session.execute(ADD, program())
    rename = update(Program).values(name="renamed")
    engine = impatient(engine_url)
    with Session(engine) as other, orm.writing(session):
        session.execute(rename)
        with pytest.raises(Busy), orm.writing(other):
            other.execute(rename)
        assert not other.info["writing"]
    with Session(engine) as other, orm.writing(other):
        other.execute(rename)
    engine.dispose()


def test_a_deadlock_is_busy_for_one_and_done_for_the_other(session, engine):
    with orm.writing(session):
        session.execute(ADD, [program("a"), program("b")])
    if engine.dialect.name == "postgresql":
        both_hold_one = threading.Barrier(2)
    else:
        both_hold_one = threading.Barrier(1)  # One writer at a time: no deadlock to be had.
    outcomes = []

    def rename(first, second):
        with Session(engine) as own:
            try:
                with orm.writing(own):
                    own.execute(update(Program).where(Program.id == first).values(name="x"))
                    both_hold_one.wait(10)
                    own.execute(update(Program).where(Program.id == second).values(name="x"))
                outcomes.append("done")
            except Busy:
                outcomes.append("busy")

    threads = [threading.Thread(target=rename, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = ["busy", "done"] if engine.dialect.name == "postgresql" else ["done", "done"]
    assert sorted(outcomes) == expected


def test_contention_is_told_from_other_errors(session):
    with pytest.raises(DBAPIError) as error, orm.writing(session):  # noqa: PT012
        session.execute(ADD, program())
        session.execute(ADD, program())
    assert not orm.is_contention(error.value)
    assert not orm.is_contention(ValueError("locked"))


def test_the_engines_are_set_up_as_measured(session, engine):
    if engine.dialect.name == "sqlite":
        pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        for name, value in (pragmas | {"recursive_triggers": 1}).items():
            assert session.execute(text(f"PRAGMA {name}")).scalar_one() == value
    else:
        show = {"transaction_isolation": "repeatable read", "transaction_read_only": "on"}
        for name, value in (show | {"timezone": "UTC", "lock_timeout": "5s"}).items():
            assert session.execute(text(f"SHOW {name}")).scalar_one().upper() == value.upper()
        with orm.writing(session):
            level = session.execute(text("SHOW transaction_isolation")).scalar_one()
            assert level == "read committed"


def test_only_two_engines_are_known():
    with pytest.raises(Misuse, match="mysql"):
        orm.engine_options("mysql://localhost/portal")
    assert "pool_size" not in orm.engine_options("sqlite://")


def test_a_time_without_a_zone_is_refused(session):
    naive = program() | {"created_at": datetime(2026, 3, 2)}
    with pytest.raises(Exception, match="without a zone"), orm.writing(session):
        session.execute(ADD, naive)
    assert names(session) == set()


def test_ids_sort_by_age_and_do_not_repeat():
    made = [orm.new_id("cus") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(each) for each in made} == {24}
    assert [each[:13] for each in made] == sorted(each[:13] for each in made)


def test_statements_are_sent_together_and_the_first_failure_is_told(session):
    with pytest.raises(IntegrityError, match=r"(?i)unique"), orm.writing(session):  # noqa: PT012
        orm.later(session, ADD, [program()])
        orm.later(session, ADD, [program(), program("second")])
        orm.later(session, ADD, [])
    assert names(session) == set()
    with orm.writing(session):
        orm.later(session, ADD, [program()])
    assert names(session) == {"corner"}


def test_whatever_is_read_comes_after_what_waits(session):
    with orm.writing(session):
        orm.later(session, ADD, [program()])
        assert set(session.execute(select(Program.id)).scalars()) == {"corner"}
        orm.later(session, ADD, [program("second")])
        session.add(Program(**program("third")))
    assert names(session) == {"corner", "second", "third"}


def test_what_waits_is_given_up_with_the_rest(session):
    with pytest.raises(ZeroDivisionError), orm.writing(session):  # noqa: PT012
        orm.later(session, ADD, [program()])
        _ = 1 / 0
    with orm.writing(session):
        with pytest.raises(ZeroDivisionError), session.begin_nested():  # noqa: PT012
            orm.later(session, ADD, [program("nested")])
            _ = 1 / 0
        orm.later(session, ADD, [program("second")])
    assert names(session) == {"second"}


def test_a_connection_cut_while_committing_is_told_as_such(session, engine):
    if engine.dialect.name == "sqlite":
        return
    with pytest.raises(OperationalError), orm.writing(session):  # noqa: PT012
        orm.later(session, ADD, [program()])
        cut = text("SELECT pg_terminate_backend(:pid)")
        pid = session.connection().connection.driver_connection.info.backend_pid
        with engine.connect() as other:
            other.execute(cut, {"pid": pid})
    assert names(session) == set()
    with orm.writing(session):
        orm.later(session, ADD, [program()])
    assert names(session) == {"corner"}


def test_looking_around_keeps_what_was_prepared(session, engine):
    if engine.dialect.name == "sqlite":
        return
    for _ in range(10):
        names(session)
    prepared = text("SELECT count(*) FROM pg_prepared_statements")
    assert session.execute(prepared).scalar_one() > 0
