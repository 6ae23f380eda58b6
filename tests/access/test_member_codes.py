"""Rotating member codes: told ahead, right for a minute, used once, not to be guessed."""

import random
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import codes, members
from portal.access import (
    MemberCodeExpired,
    MemberCodeMalformed,
    MemberCodeUsed,
    TooManyWrongMemberCodes,
    WrongMemberCode,
    member_codes,
)
from portal.access.member_codes import STEP, Limits
from portal.access.models import MemberCodeKey
from portal.codes.models import Budget
from portal.errors import Busy
from portal.members import NewIdentifier, cards
from portal.members.models import Customer
from portal.orm import recording, writing

PEPPER = b"a pepper for tests, which nobody else has"


class Desk:
    """Where codes are shown: each look and each use a unit of its own."""

    def __init__(self, session, at):
        self.session, self.at = session, at

    def customer(self, name="C-1"):
        with writing(self.session):
            identifier = NewIdentifier(type="external_id", value=name)
            made = members.create_customer(self.session, identifiers=[identifier], at=self.at)
            member_codes.begin(self.session, customer_id=made.id, at=self.at)
        return made.id

    def upcoming(self, customer_id, *, at=None, pepper=PEPPER, steps=40):
        return member_codes.upcoming(
            self.session, customer_id=customer_id, at=at or self.at, pepper=pepper, steps=steps
        )

    def code(self, customer_id, *, at=None):
        return self.upcoming(customer_id, at=at, steps=1).codes[0].code

    def look(self, code, *, at=None, client="till", limits=member_codes.LIMITS):
        with recording(self.session):
            return member_codes.look(
                self.session,
                code=code,
                client=client,
                at=at or self.at,
                pepper=PEPPER,
                limits=limits,
            )

    def use(self, code, **more):
        look = self.look(code, **more)
        with writing(self.session):
            member_codes.accept(self.session, look)
        return look.require()


@pytest.fixture
def desk(session, at):
    return Desk(session, at)


@pytest.fixture
def ana(desk):
    return desk.customer()


def guesses(code):
    """Well-formed codes of the same member, all but the right one."""
    handle, chance = code[:8], random.Random(7)
    while True:
        body = handle + f"{chance.randrange(10**7):07}"
        guess = body + cards.check_digit(body)
        if guess != code:
            yield guess


def test_a_code_is_sixteen_digits_whose_last_checks_the_others_and_is_no_card_of_ours(desk, ana):
    for shown in desk.upcoming(ana).codes:
        assert len(shown.code) == 16
        assert shown.code.isdigit()
        assert cards.check_digit(shown.code[:-1]) == shown.code[-1]
        assert not cards.is_ours(shown.code)
        assert shown.spoken.replace(" ", "") == shown.code
        assert [len(group) for group in shown.spoken.split()] == [4, 4, 4, 4]


def test_the_coming_codes_follow_each_other_without_a_gap_on_the_portals_clock(desk, ana):
    upcoming = desk.upcoming(ana, at=desk.at + timedelta(seconds=17))
    assert upcoming.at == desk.at + timedelta(seconds=17)
    assert upcoming.codes[0].shown_from == desk.at
    assert len({shown.code for shown in upcoming.codes}) == 40
    for shown, following in zip(upcoming.codes, upcoming.codes[1:], strict=False):
        assert shown.shown_until - shown.shown_from == STEP
        assert following.shown_from == shown.shown_until
    later = desk.upcoming(ana, at=desk.at + 10 * STEP)
    assert later.codes[:30] == upcoming.codes[10:]


def test_whoever_never_had_a_code_has_none_until_it_begins(desk, session, at):
    with writing(session):
        identifier = NewIdentifier(type="external_id", value="new")
        made = members.create_customer(session, identifiers=[identifier], at=at)
    assert desk.upcoming(made.id) is None
    for _ in range(2):
        with writing(session):
            member_codes.begin(session, customer_id=made.id, at=at)
    first = desk.code(made.id)
    with writing(session):
        member_codes.begin(session, customer_id=made.id, at=at)
    assert desk.code(made.id) == first


def test_the_code_that_shows_says_who_it_is(desk, ana):
    other = desk.customer("C-2")
    assert desk.look(desk.code(ana)).require() == ana
    assert desk.look(desk.code(other)).require() == other


@pytest.mark.parametrize(
    "typed",
    ["{0} {1} {2} {3}", "{0}-{1}-{2}-{3}", " {0}{1}{2}{3}\n", "{0}\u00a0{1}\u2013{2}\u200b{3}"],
)
def test_a_code_may_be_typed_in_groups(desk, ana, typed):
    groups = desk.upcoming(ana).codes[0].spoken.split()
    assert desk.look(typed.format(*groups)).require() == ana


@pytest.mark.parametrize(
    "typed", ["", "123456", "1" * 15, "1" * 17, "abcdefghijklmnop", "1" * 65, "0x12345678901234"]
)
def test_what_is_no_code_is_not_looked_for(desk, ana, typed, session):
    with pytest.raises(MemberCodeMalformed):
        desk.look(typed)
    assert session.scalars(select(Budget.name)).all() == []


def test_a_slip_of_one_digit_or_of_two_neighbours_is_malformed_and_no_miss(desk, ana):
    code = desk.code(ana)
    for place in range(16):
        for digit in set("0123456789") - {code[place]}:
            with pytest.raises(MemberCodeMalformed):
                desk.look(code[:place] + digit + code[place + 1 :])
    for place in range(15):
        pair = code[place : place + 2]
        if len(set(pair)) == 2 and set(pair) != {"0", "9"}:
            with pytest.raises(MemberCodeMalformed):
                desk.look(code[:place] + pair[::-1] + code[place + 2 :])


@pytest.mark.parametrize(
    ("steps", "found"),
    [(-2, "expired"), (-1, "good"), (0, "good"), (1, "good"), (2, "good"), (3, "expired")],
)
def test_a_code_is_good_from_a_step_before_it_shows_to_two_steps_after(desk, ana, steps, found):
    code = desk.code(ana)
    for within in (timedelta(), STEP - timedelta(microseconds=1)):
        look = desk.look(code, at=desk.at + steps * STEP + within)
        if found == "good":
            assert look.require() == ana
        else:
            with pytest.raises(MemberCodeExpired):
                look.require()


def test_a_code_of_long_ago_is_nobodys(desk, ana):
    with pytest.raises(WrongMemberCode):
        desk.look(desk.code(ana), at=desk.at + timedelta(days=1)).require()


def test_a_code_is_used_once(desk, ana):
    code = desk.code(ana)
    assert desk.use(code) == ana
    for at in (desk.at, desk.at + STEP):
        with pytest.raises(MemberCodeUsed) as refused:
            desk.use(code, at=at)
        assert refused.value.facts["next_at"] == "2026-03-02T12:00:30Z"


def test_no_code_before_a_used_one_is_good_any_more(desk, ana):
    now, following = (shown.code for shown in desk.upcoming(ana, steps=2).codes)
    before = desk.code(ana, at=desk.at - STEP)
    assert desk.use(following) == ana
    for code in (now, before):
        with pytest.raises(MemberCodeUsed):
            desk.use(code)


def test_after_a_use_the_next_code_shows_at_once_and_is_good(desk, ana):
    used = desk.code(ana)
    desk.use(used)
    shown = desk.upcoming(ana).codes[0]
    assert (shown.shown_from, shown.code != used) == (desk.at + STEP, True)
    assert desk.use(shown.code) == ana


def test_a_look_uses_nothing_up(desk, ana):
    code = desk.code(ana)
    assert [desk.look(code).require() for _ in range(30)] == [ana] * 30


def _refused_after(session, look):
    member_codes.accept(session, look)
    raise ZeroDivisionError


def test_what_a_request_takes_back_when_it_is_refused_is_the_code_too(desk, ana, session):
    code = desk.code(ana)
    look = desk.look(code)
    with pytest.raises(ZeroDivisionError), writing(session):
        _refused_after(session, look)
    assert desk.use(code) == ana


def test_a_hundred_uses_at_once_are_one(engine, desk, ana):
    look = desk.look(desk.code(ana))
    barrier, results = threading.Barrier(100), []

    def use():
        with Session(engine, expire_on_commit=False) as session:
            barrier.wait(60)
            while True:
                try:
                    with writing(session):
                        member_codes.accept(session, look)
                    results.append("used")
                except Busy:
                    continue
                except MemberCodeUsed:
                    results.append("refused")
                return

    threads = [threading.Thread(target=use) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused"] * 99 + ["used"]


def test_renewed_codes_end_all_that_were_shown(desk, ana, session):
    shown = desk.upcoming(ana).codes
    desk.use(shown[0].code)
    with writing(session):
        member_codes.renew(session, customer_id=ana, at=desk.at)
    for number, old in enumerate(shown[:4]):
        with pytest.raises(WrongMemberCode):
            desk.look(old.code, at=desk.at + number * STEP).require()
    assert desk.use(desk.code(ana)) == ana


def test_whoever_has_none_can_renew_too(desk, session, at):
    with writing(session):
        identifier = NewIdentifier(type="external_id", value="new")
        made = members.create_customer(session, identifiers=[identifier], at=at)
        member_codes.renew(session, customer_id=made.id, at=at)
    assert desk.use(desk.code(made.id)) == made.id


def test_a_code_renewed_between_look_and_use_is_refused(desk, ana, session):
    look = desk.look(desk.code(ana))
    with writing(session):
        member_codes.renew(session, customer_id=ana, at=desk.at)
    with pytest.raises(MemberCodeUsed), writing(session):
        member_codes.accept(session, look)


def test_a_merged_members_phone_shows_the_survivors_code(desk, ana, session):
    bea, eva = desk.customer("C-2"), desk.customer("C-3")
    code = desk.code(ana)
    with writing(session):
        for gone, into in ((ana, bea), (bea, eva)):
            session.execute(update(Customer).where(Customer.id == gone).values(merged_into=into))
    assert desk.use(code) == eva
    with pytest.raises(MemberCodeUsed):
        desk.use(code)
    assert desk.use(desk.code(eva)) == eva


def test_renewing_ends_the_codes_of_whoever_was_merged_into_them(desk, ana, session):
    bea, eva, rui = (desk.customer(f"C-{number}") for number in (2, 3, 4))
    shown = {customer: desk.code(customer) for customer in (ana, bea, eva, rui)}
    with writing(session):
        for gone, into in ((ana, bea), (bea, eva)):
            session.execute(update(Customer).where(Customer.id == gone).values(merged_into=into))
    with writing(session):
        member_codes.renew(session, customer_id=eva, at=desk.at)
    for customer in (ana, bea, eva):
        with pytest.raises(WrongMemberCode):
            desk.look(shown[customer]).require()
    assert desk.use(shown[rui]) == rui
    assert desk.use(desk.code(ana)) == eva


def test_an_erased_members_code_is_nobodys(desk, ana, session, at):
    with writing(session):
        session.execute(update(Customer).where(Customer.id == ana).values(erased_at=at))
    with pytest.raises(WrongMemberCode):
        desk.look(desk.code(ana)).require()


def test_another_pepper_or_another_salt_makes_other_codes(desk, ana, session):
    code = desk.code(ana)
    assert desk.upcoming(ana, pepper=b"another").codes[0].code != code
    with writing(session):
        session.execute(update(MemberCodeKey).values(salt=b"s" * 32))
    assert desk.code(ana) != code
    assert desk.code(ana)[:8] == code[:8]


def test_the_database_holds_no_code(desk, ana, session):
    code = desk.code(ana)
    row = session.execute(select(MemberCodeKey.__table__)).one()
    assert code[8:15] not in repr(tuple(row))


def test_after_five_wrong_guesses_the_right_code_is_not_looked_at(desk, ana):
    code = desk.code(ana)
    wrong = guesses(code)
    for _ in range(5):
        with pytest.raises(WrongMemberCode):
            desk.look(next(wrong)).require()
    for tried in (next(wrong), code):
        with pytest.raises(TooManyWrongMemberCodes) as refused:
            desk.look(tried).require()
        assert 0 < refused.value.facts["retry_after_seconds"] <= 7200
    later = desk.at + timedelta(hours=2)
    assert desk.look(desk.code(ana, at=later), at=later).require() == ana


def test_a_day_allows_twenty_guesses_and_renewing_helps(desk, ana, session):
    wrong, at, misses = guesses(desk.code(ana)), desk.at - timedelta(hours=12), 0
    for _ in range(23 * 2):
        look = desk.look(next(wrong), at=at)
        misses += isinstance(look.refusal, WrongMemberCode)
        at += timedelta(minutes=30)
    assert misses == 20
    with pytest.raises(TooManyWrongMemberCodes):
        desk.look(desk.code(ana, at=at), at=at).require()
    with writing(session):
        member_codes.renew(session, customer_id=ana, at=at)
    assert desk.look(desk.code(ana, at=at), at=at).require() == ana


def test_a_thousand_guesses_at_once_are_five_looks(engine, desk, ana):
    tried = [next(wrong) for wrong in [guesses(desk.code(ana))] for _ in range(200)]
    found, lock = [], threading.Lock()

    def guess(some):
        with Session(engine, expire_on_commit=False) as session:
            for code in some:
                try:
                    with recording(session):
                        look = member_codes.look(
                            session, code=code, client="till", at=desk.at, pepper=PEPPER
                        )
                except Busy:
                    continue
                with lock:
                    found.append(look.refusal.code)

    threads = [threading.Thread(target=guess, args=(tried[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count("wrong_member_code") == 5
    assert set(found) == {"wrong_member_code", "too_many_wrong_member_codes"}


def test_misses_are_counted_for_who_asks_and_for_everyone(desk, ana):
    limits = Limits(client_per_hour=3, site_per_hour=5)
    chance = random.Random(3)

    def nobody(client):
        body = f"9{chance.randrange(10**14):014}"
        return desk.look(body + cards.check_digit(body), client=client, limits=limits).refusal

    assert [type(nobody("one")) for _ in range(4)] == [WrongMemberCode] * 3 + [
        TooManyWrongMemberCodes
    ]
    assert [type(nobody("two")) for _ in range(3)] == [WrongMemberCode] * 2 + [
        TooManyWrongMemberCodes
    ]
    with pytest.raises(TooManyWrongMemberCodes):
        desk.look(desk.code(ana), client="three", limits=limits).require()
    assert desk.look(desk.code(ana), client="one").require() == ana


def test_right_used_and_expired_codes_are_no_misses(desk, ana, session):
    code = desk.code(ana)
    desk.use(code)
    for _ in range(10):
        desk.look(code)
        desk.look(code, at=desk.at + 10 * STEP)
        desk.look(desk.code(ana, at=desk.at + 11 * STEP), at=desk.at + 11 * STEP)
    assert session.scalars(select(Budget.used)).all() == []


def test_numbers_of_one_use_say_nothing_of_another():
    numbers = [
        codes.keyed_number(PEPPER, b"value", use=use, below=10**9) for use in ("one", "two", "one")
    ]
    assert numbers[0] == numbers[2] != numbers[1]
