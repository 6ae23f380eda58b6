"""Households changed by several at once; what the database itself keeps."""

import threading

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import ledger, members, orm, programs, schema
from portal.ledger import EventName, Facts
from portal.members import households
from portal.members.customers import locked
from portal.members.errors import (
    AlreadyInHousehold,
    InvitationNotFound,
)
from portal.members.models import HouseholdMember


def test_the_database_itself_allows_one_primary_member_and_one_default(club, home, ana, ben):
    firm = club.found(ana, name="The firm")
    row = {"household_id": home.id, "customer_id": ben, "status": "active", "joined_at": club.at}
    for refused in (
        row | {"is_primary": True},
        row | {"status": "invited", "is_default": True},
    ):
        with pytest.raises(IntegrityError), orm.writing(club.session):
            club.session.execute(insert(HouseholdMember), [refused])
    with pytest.raises(IntegrityError), orm.writing(club.session):
        club.session.execute(
            update(HouseholdMember)
            .where(HouseholdMember.household_id == firm.id)
            .values(is_default=True)
        )


# -- all at once


def at_once(engine, *acts):
    """Each act in a thread and transaction of its own; gives what each made or refused."""
    outcomes = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(place, act):
        with Session(engine, expire_on_commit=False) as session:
            ready.wait()
            try:
                with orm.writing(session):
                    outcomes[place] = act(session)
            except Exception as error:  # noqa: BLE001 - told to the test
                outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_two_invitations_accepted_at_once_make_one_default(engine, club, home, ben):
    homes = [home] + [club.found(club.person(f"P{n}"), name=f"Home {n}") for n in range(3)]
    for one in homes:
        club.do(households.invite, one, customer_id=ben, by=one.primary_id)
    outcomes = at_once(
        engine,
        *[
            lambda session, one=one: households.accept(
                session, household_id=one.id, by=ben, at=club.at
            )
            for one in homes
        ],
    )
    assert kinds(outcomes) == ["HouseholdView"] * 4
    club.session.rollback()
    mine = members.households_of(club.session, customer_id=ben)
    assert [one.member(ben).is_default for one in mine].count(True) == 1


def test_one_invitation_accepted_and_withdrawn_at_once(engine, club, home, ana, ben):
    club.do(households.invite, home, customer_id=ben, by=ana)
    outcomes = at_once(
        engine,
        lambda session: households.accept(session, household_id=home.id, by=ben, at=club.at),
        lambda session: households.accept(session, household_id=home.id, by=ben, at=club.at),
        lambda session: households.withdraw(
            session, household_id=home.id, customer_id=ben, by=ana, at=club.at
        ),
    )
    done = [one for one in outcomes if isinstance(one, households.HouseholdView)]
    assert len(done) == 1
    refused = {type(one) for one in outcomes if isinstance(one, Exception)}
    assert refused <= {AlreadyInHousehold, InvitationNotFound}
    member = club.see(home).member(ben)
    assert (member is None) == (refused == {InvitationNotFound})


def test_two_are_made_primary_at_once_and_one_is(engine, club, home, ana):
    heirs = [club.joined(home, club.person(f"P{n}")) for n in range(4)]
    outcomes = at_once(
        engine,
        *[
            lambda session, heir=heir: households.make_primary(
                session, household_id=home.id, customer_id=heir, by=ana, at=club.at
            )
            for heir in heirs
        ],
    )
    assert kinds(outcomes) == ["HouseholdView"] + ["NotHouseholdPrimary"] * 3
    assert club.see(home).primary_id in heirs


def test_handing_over_and_leaving_at_once_leave_a_primary_member(engine, club, home, ana, ben):
    club.joined(home, ben)
    outcomes = at_once(
        engine,
        lambda session: households.make_primary(
            session, household_id=home.id, customer_id=ben, by=ana, at=club.at
        ),
        lambda session: households.leave(session, household_id=home.id, by=ben, at=club.at),
    )
    assert sum(isinstance(one, Exception) for one in outcomes) == 1
    primary = club.see(home).primary_id
    assert primary in (ana, ben)
    assert club.see(home).member(primary).status == "active"


def test_the_last_place_is_taken_once(engine, club, home, ana):
    with orm.writing(club.session):
        people = [members.create_customer(club.session, at=club.at).id for _ in range(22)]
        for customer_id in people[:18]:
            households.invite(
                club.session, household_id=home.id, customer_id=customer_id, by=ana, at=club.at
            )
    outcomes = at_once(
        engine,
        *[
            lambda session, customer_id=customer_id: households.invite(
                session, household_id=home.id, customer_id=customer_id, by=ana, at=club.at
            )
            for customer_id in people[18:]
        ],
    )
    assert kinds(outcomes) == ["HouseholdFull"] * 3 + ["HouseholdView"]


def test_one_external_id_founded_twice_at_once(engine, club, ana, ben):
    outcomes = at_once(
        engine,
        *[
            lambda session, primary=primary: households.create_household(
                session,
                name="Home",
                primary_id=primary,
                program=club.program,
                external_id="H-9",
                at=club.at,
            )
            for primary in (ana, ben)
        ],
    )
    assert kinds(outcomes) == ["HouseholdAlreadyExists", "HouseholdView"]


def test_an_account_is_opened_once_however_many_need_it(engine, club, home, at):
    with orm.writing(club.session):
        other = programs.apply(
            club.session,
            document={"id": "other", "name": "Other", "currency": "OTH"},
            actor="command",
            at=at,
        ).program
    outcomes = at_once(
        engine,
        *[
            lambda session: members.household_account(
                session, household_id=home.id, program=other, at=at
            )
            for _ in range(4)
        ],
    )
    assert kinds(outcomes) == ["AccountView"] * 4
    assert len({one.id for one in outcomes}) == 1


def test_closing_and_earning_at_once_lose_nothing(engine, club, home, ana, at):
    account_id = club.account(home).id

    def earn(session):
        return ledger.earn(
            session,
            account_id=account_id,
            points=10,
            expires_at=None,
            facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
            at=at,
        )

    outcomes = at_once(
        engine,
        earn,
        lambda session: households.close(session, household_id=home.id, by=ana, at=at),
    )
    assert kinds(outcomes) in (
        ["HouseholdNotEmpty", "Posted"],
        ["AccountClosed", "HouseholdView"],
    )
    club.session.rollback()
    assert ledger.verify(club.session) == []


def test_the_migration_runs_down_and_up_with_people_in_it(engine, club, home, ana):
    club.session.rollback()
    schema.downgrade(engine, "0004")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM customer")).scalar() == 1
    schema.upgrade(engine)
    club.session.expire_all()
    assert members.customer(club.session, ana).findable
    assert members.households_of(club.session, customer_id=ana) == []
    # The account of the household is kept, as every account is.
    assert ledger.verify(club.session) == []


def test_no_two_changes_wait_for_each_other(engine, club, home, ana):
    """Inviting names the primary member in the new row, while they change their own places."""
    firm = club.found(ana, name="The firm")
    people = [club.person(f"P{n}") for n in range(6)]

    def invite(customer_id):
        return lambda session: households.invite(
            session, household_id=home.id, customer_id=customer_id, by=ana, at=club.at
        )

    def choose(household_id):
        return lambda session: households.set_default(
            session, household_id=household_id, by=ana, at=club.at
        )

    for customer_id in people:
        outcomes = at_once(
            engine, invite(customer_id), choose(home.id), choose(firm.id), choose(home.id)
        )
        assert not [one for one in outcomes if isinstance(one, Exception)]
    assert len(club.see(home).members) == 7


# SQLite has one writer at a time.
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True, scope="session")
def test_rows_that_name_a_customer_do_not_wait_for_their_lock(engine, club, ana):
    """A transfer names who does it with its accounts locked: it must wait for no customer."""
    with Session(engine) as session, orm.writing(session):
        locked(session, ana)
        with Session(engine) as other, orm.writing(other):
            # What a foreign key does; it is refused at once where it would wait.
            named = text("SELECT id FROM customer WHERE id = :id FOR KEY SHARE NOWAIT")
            assert other.execute(named, {"id": ana}).scalar() == ana
