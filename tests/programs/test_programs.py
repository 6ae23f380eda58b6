"""Programs in the database: applied, changed, found; and the stores beside them."""

import copy
import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import orm, programs
from portal.ledger.accounts import open_account
from portal.programs import models, stores
from portal.programs.errors import (
    InvalidProgram,
    InvalidStore,
    NoDefaultProgram,
    ProgramNotFound,
    UnitInUse,
)

CORNER = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "earning": [
        {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
    ],
}


def apply(session, at, document, **changes):
    with orm.writing(session):
        return programs.apply(
            session, document=copy.deepcopy(document) | changes, actor="command", at=at
        )


def versions(session, program_id="corner"):
    return session.scalar(
        select(func.count())
        .select_from(models.ProgramVersion)
        .where(models.ProgramVersion.program_id == program_id)
    )


def test_applying_a_file_creates_the_program(session, at):
    applied = apply(session, at, CORNER)
    assert applied.created
    assert applied.program.version == 1
    assert applied.changes["id"] == [None, "corner"]
    assert programs.find(session, "corner") == applied.program
    assert programs.document(session, "corner")["expiry"] == {
        "kind": "months",
        "months": 12,
        "to_month_end": False,
    }


def test_applied_twice_it_changes_nothing_and_writes_no_version(session, at):
    apply(session, at, CORNER)
    again = apply(session, at, CORNER)
    assert (again.created, again.changes, again.program.version) == (False, {}, 1)
    # The file as it reads with its defaults is the same file.
    full = apply(session, at, programs.document(session, "corner"))
    assert (full.created, full.changes, full.program.version) == (False, {}, 1)
    assert versions(session) == 1


def test_changed_it_says_what_changed(session, at):
    apply(session, at, CORNER)
    rules = copy.deepcopy(CORNER["earning"])
    rules[0]["points"] = 2
    rules[1] = {"id": "cake", "kind": "event", "event": "birthday", "points": 5}
    applied = apply(
        session,
        at,
        CORNER,
        name="Corner",
        earning=rules,
        tags=["a"],
        rate={"points": 100, "value": 1, "currency": "EUR"},
        redemption={"min": 10},
    )
    assert not applied.created
    assert applied.changes == {
        "name": ["Corner Points", "Corner"],
        "tags": [[], ["a"]],
        "rate": [None, {"points": 100, "value": 1, "currency": "EUR"}],
        "earning[base].points": [1, 2],
        "earning[welcome]": [
            {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
            None,
        ],
        "earning[cake]": [None, rules[1]],
        "redemption.min": [None, 10],
    }
    assert applied.program.version == 2
    assert versions(session) == 2
    assert programs.find(session, "corner").earning[0].points == 2


def test_the_order_of_rules_is_a_change_too(session, at):
    apply(session, at, CORNER)
    applied = apply(session, at, CORNER, earning=CORNER["earning"][::-1])
    assert applied.changes == {"earning": [["base", "welcome"], ["welcome", "base"]]}


def test_a_process_never_serves_a_stale_program(session, engine, at):
    apply(session, at, CORNER)
    with Session(engine) as reader:
        assert programs.find(reader, "corner").name == "Corner Points"
    apply(session, at, CORNER, name="Corner")
    with Session(engine) as reader:
        assert programs.find(reader, "corner").name == "Corner"


def test_a_wrong_file_changes_nothing(session, at):
    apply(session, at, CORNER)
    with pytest.raises(InvalidProgram) as caught:
        apply(session, at, CORNER, decimals="2")
    assert caught.value.fields == {"decimals": ["Must be a whole number."]}
    assert versions(session) == 1


def test_making_one_the_default_unmakes_the_other(session, at):
    apply(session, at, CORNER, default=True)
    apply(session, at, CORNER, id="credits", name="Credits", default=True)
    assert programs.find(session).id == "credits"
    corner = programs.find(session, "corner")
    assert (corner.default, corner.version) == (False, 2)
    assert programs.document(session, "corner")["default"] is False
    back = apply(session, at, CORNER, default=True)
    assert back.changes == {"default": [False, True]}
    assert programs.find(session).id == "corner"
    assert not programs.find(session, "credits").default


def test_without_a_name_the_default_is_meant_or_the_only_one(session, at):
    with pytest.raises(NoDefaultProgram):
        programs.find(session)
    apply(session, at, CORNER)
    assert programs.find(session).id == "corner"
    apply(session, at, CORNER, id="credits", name="Credits")
    with pytest.raises(NoDefaultProgram):
        programs.find(session)
    apply(session, at, CORNER, default=True)
    assert programs.find(session).id == "corner"


def test_an_unknown_program_is_not_found(session, at):
    apply(session, at, CORNER)
    for ask in (programs.find, programs.document):
        with pytest.raises(ProgramNotFound) as caught:
            ask(session, "other")
        assert caught.value.legacy_code == 895


def test_all_programs_by_name(session, at):
    apply(session, at, CORNER)
    apply(session, at, CORNER, id="alpha", name="Alpha")
    assert [program.id for program in programs.find_all(session)] == ["alpha", "corner"]


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"decimals": 2}])
def test_the_unit_of_a_program_with_accounts_stays(session, at, change):
    apply(session, at, CORNER)
    changed = apply(session, at, CORNER, **change)
    assert list(changed.changes) == list(change)
    with orm.writing(session):
        open_account(session, program_id="corner", at=at)
    apply(session, at, CORNER | change, name="Still fine")
    with pytest.raises(UnitInUse) as caught:
        apply(session, at, CORNER)
    assert caught.value.field == next(iter(change))
    assert programs.find(session, "corner").name == "Still fine"


def test_two_at_once_make_one_program_and_one_default(engine, at):
    barrier, failures = threading.Barrier(4), []

    def make(number):
        with Session(engine) as session:
            barrier.wait()
            try:
                for program_id in ("shared", f"own{number}"):
                    apply(session, at, CORNER, id=program_id, default=True)
            except Exception as error:  # noqa: BLE001 - told by the test itself
                failures.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Session(engine) as session:
        everyone = programs.find_all(session)
        assert len(everyone) == 5
        assert [program.default for program in everyone].count(True) == 1
        assert programs.find(session).default
        # Everything that was in force at some time can still be explained.
        assert versions(session, "shared") == programs.find(session, "shared").version


def test_a_store_and_its_till_are_created_when_first_named(session, at):
    for _ in range(2):
        with orm.writing(session):
            assert stores.ensure(session, code=" lisbon ", till="1", at=at) == "lisbon"
            stores.ensure(session, code="porto", at=at)
    assert session.scalars(select(models.Store.code).order_by(models.Store.code)).all() == [
        "lisbon",
        "porto",
    ]
    assert session.execute(select(models.Till.store, models.Till.code)).all() == [("lisbon", "1")]


def test_thousands_of_stores_at_once(session, at):
    codes = {f"s{number}" for number in range(12_000)}
    with orm.writing(session):
        stores.ensure_all(session, stores=codes, tills={(code, "1") for code in codes}, at=at)
        stores.ensure_all(
            session, stores=codes | {"new"}, tills={(code, "2") for code in codes}, at=at
        )
    assert session.scalar(select(func.count()).select_from(models.Store)) == 12_001
    assert session.scalar(select(func.count()).select_from(models.Till)) == 24_000


@pytest.mark.parametrize("code", ["", "  ", "x" * 65, "a\nb", "a\x00b"])
def test_a_store_code_that_cannot_be_kept_is_refused(session, at, code):
    with pytest.raises(InvalidStore), orm.writing(session):
        stores.ensure(session, code=code, at=at)
