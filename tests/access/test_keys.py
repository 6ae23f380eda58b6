"""Keys of checkout: recognisable, checked before the database, revoked at once (B.8)."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal import access
from portal.access import keys
from portal.access.models import ApiKey, Client
from portal.errors import InvalidInput
from portal.orm import writing


def create(session, at, **changes):
    wanted = {"name": "web shop", "scopes": ["read", "redeem"], "actor": "test", "at": at}
    with writing(session):
        return keys.create(session, **(wanted | changes))


def authenticate(session, key, at):
    try:
        return keys.authenticate(session, presented=key, at=at)
    finally:
        session.rollback()


def test_a_key_says_who_calls_and_what_they_may(session, at):
    made = create(session, at, store=" S1 ")
    caller = authenticate(session, made.key, at)
    assert caller == keys.KeyIdentity(
        key_id=made.key_id,
        client_id=made.client_id,
        client_name="web shop",
        scopes=frozenset({keys.Scope.READ, keys.Scope.REDEEM}),
        store="S1",
        touch_due=True,
    )


def test_a_key_is_recognisable_and_long(session, at):
    made = create(session, at)
    assert re.fullmatch(r"ptl_[0-9A-Za-z]{49}", made.key)
    assert made.key.startswith(made.shown)
    assert len(made.shown) == 12
    assert made.key not in repr(made)
    assert keys.well_formed(made.key)


def test_only_its_digest_is_kept(session, at):
    made = create(session, at)
    stored = repr(tuple(session.execute(text("SELECT * FROM api_key")).one()))
    assert made.key not in stored
    assert made.key[12:] not in stored


def test_authentication_takes_one_statement(session, at, statements):
    made = create(session, at)
    statements.clear()
    authenticate(session, made.key, at)
    assert len([one for one in statements if one.startswith("SELECT")]) == 1


def changed(key, position):
    other = "a" if key[position] != "a" else "b"
    return key[:position] + other + key[position + 1 :]


def test_a_mistyped_key_never_reaches_the_database(session, at, statements):
    made = create(session, at)
    wrong = [changed(made.key, position) for position in range(len(made.key))]
    wrong += ["", "ptl_", made.key[:-1], made.key + "a", made.key.upper(), f" {made.key}"]
    wrong += [made.key + "\n", made.key[4:], "x" * 100_000, made.key[:-1] + "é", "\x00"]
    statements.clear()
    for presented in wrong:
        with pytest.raises(access.BadKey):
            authenticate(session, presented, at)
    assert statements == []


def test_a_well_formed_key_that_nobody_made_is_refused(session, at):
    create(session, at)
    with pytest.raises(access.BadKey):
        authenticate(session, keys._new_key(), at)


def test_a_revoked_key_is_refused_at_once(session, at):
    made = create(session, at)
    for moment in (at, at + timedelta(days=1)):
        with writing(session):
            keys.revoke(session, key_id=made.key_id, at=moment)
    with pytest.raises(access.BadKey):
        authenticate(session, made.key, at)
    assert session.scalar(select(ApiKey.revoked_at)) == at


def test_what_is_not_there_cannot_be_revoked(session, at):
    with pytest.raises(access.KeyNotFound), writing(session):
        keys.revoke(session, key_id="key_x", at=at)


def test_two_keys_at_a_time_for_rotation(session, at):
    old, new = create(session, at), create(session, at)
    assert old.client_id == new.client_id
    assert authenticate(session, old.key, at).client_id == new.client_id
    with pytest.raises(access.TooManyKeys):
        create(session, at)
    with writing(session):
        keys.revoke(session, key_id=old.key_id, at=at)
    create(session, at)
    create(session, at, name="tills")


def test_two_at_most_even_when_made_at_once(engine, session, at):
    start = Barrier(8)

    def make(_):
        with Session(engine) as own:
            start.wait()
            try:
                create(own, at)
            except access.TooManyKeys:
                return 0
            return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(8))) == 2
    assert session.scalar(select(func.count()).select_from(Client)) == 1


def test_its_last_use_is_written_at_most_once_a_minute(session, at):
    made = create(session, at)
    for passed, due in ((0, True), (59, False), (60, True)):
        now = at + timedelta(seconds=passed)
        assert authenticate(session, made.key, now).touch_due is due
        with writing(session):
            keys.touch(session, key_id=made.key_id, at=now)
    assert session.scalar(select(ApiKey.last_used_at)) == at + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "everything"]}, "scopes"),
        ({"scopes": [""]}, "scopes"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"store": ""}, "store"),
        ({"store": "x" * 65}, "store"),
    ],
)
def test_bad_input_names_its_field_and_makes_nothing(session, at, change, field):
    with pytest.raises(InvalidInput) as refused:
        create(session, at, **change)
    assert list(refused.value.fields) == [field]
    assert session.scalar(select(func.count()).select_from(ApiKey)) == 0
    assert session.scalar(select(func.count()).select_from(Client)) == 0


def test_keys_can_be_listed_without_being_shown(session, at):
    first = create(session, at)
    second = create(session, at + timedelta(days=1), name="tills", scopes=["earn"], store="S1")
    with writing(session):
        keys.revoke(session, key_id=first.key_id, at=at)
    listed = keys.list(session)
    assert [one.id for one in listed] == [second.key_id, first.key_id]
    assert [one.shown for one in listed] == [second.shown, first.shown]
    assert [one.revoked_at for one in listed] == [None, at]
    assert [one.id for one in keys.list(session, client="tills")] == [second.key_id]
