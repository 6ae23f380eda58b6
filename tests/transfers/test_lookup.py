"""Looking up a recipient: found by what people know, and not to be gone through one by one."""

from datetime import timedelta

import pytest

from portal import ledger, members, orm, transfers
from portal.ledger.errors import SameAccount
from portal.members.errors import InvalidIdentifier
from portal.members.models import Customer
from portal.transfers import RecipientCannotReceive
from portal.transfers.errors import TooManyLookUps
from portal.transfers.lookup import BUDGETS, MISS

HOUR, DAY = (limit for _, limit, _ in BUDGETS)


@pytest.fixture
def find(post, session, jane):
    """Jane looks for someone."""

    def find(value, *, at=None, by=None, **more):
        with orm.recording(session):
            found = transfers.lookup(
                session,
                by_customer_id=by or jane[0],
                value=value,
                at=at or post.at,
                **more,
            )
        return found.require()

    return find


def test_by_phone_e_mail_or_card_however_it_is_typed(post, find, session):
    ann = post.member("Ann", "Bee", mobile="+351912345655", email="ann@bee.test")
    card = members.customer(session, ann[0]).card_number
    typed = [
        ("+351 912 345 655", None),
        ("912345655", None),
        (" Ann@Bee.TEST ", None),
        (f"{card[:4]} {card[4:]}", None),
        (card, "card_number"),
        ("912345655", "mobile"),
    ]
    for value, type in typed:
        found = find(value, type=type, region="PT")
        assert found == transfers.Recipient(
            customer_id=ann[0], account_id=ann[1], display="An… B… (…55)"
        )


def test_oneself(find):
    with pytest.raises(SameAccount):
        find("+351912345689")


@pytest.mark.parametrize(
    ("value", "type"),
    [("", None), ("hello", None), ("12", "email"), ("X", "external_id"), ("63", "wechat")],
)
def test_what_cannot_be_one_costs_nothing(find, value, type):
    for _ in range(HOUR):
        with pytest.raises(InvalidIdentifier):
            find(value, type=type)


def test_all_who_cannot_receive_look_alike_and_cost_the_same(post, session, find, statements):
    closed, fraud, shy, gone = (
        post.member("Ann", "Bee", mobile=f"+3519120009{n:02}") for n in range(4)
    )
    post.customer("Eve", "Fox", mobile="+351912000904")
    post.status(ledger.close, closed[1])
    post.fraud(fraud[0])
    post.do(members.set_findable, customer_id=shy[0], findable=False, at=post.at)
    with orm.writing(session):
        session.get(Customer, gone[0]).erased_at = post.at
    seen, at = set(), post.at
    for number in ("00", "01", "02", "03", "04", "05"):
        at += timedelta(hours=3)
        post.session.rollback()
        statements()
        with pytest.raises(RecipientCannotReceive) as refused:
            find(f"+3519120009{number}", at=at)
        error = refused.value
        seen.add((error.detail, error.field, str(error.facts), statements()))
    assert len(seen) == 1


def test_a_scan_of_numbers_is_stopped(post, find):
    for n in range(0, 1000, 100):
        post.customer("Ann", "Bee", mobile=f"+351912000{n:03}")
        post.join(post.session.query(Customer.id).order_by(Customer.id.desc()).first()[0])
    found, misses, stopped, at = 0, 0, 0, post.at
    for n in range(1000):
        try:
            find(f"+351912000{n:03}", at=at + timedelta(seconds=n))
            found += 1
        except RecipientCannotReceive:
            misses += 1
        except TooManyLookUps as refused:
            stopped += refused.facts["retry_after_seconds"] > 0
    assert misses <= HOUR // MISS
    assert (found, stopped) == (1, 1000 - misses - 1)


def test_a_day_of_scanning_finds_little(post, find):
    misses = 0
    for minute in range(0, 24 * 60, 5):
        try:
            find(f"+35191200{minute:04}", at=post.at.replace(hour=0) + timedelta(minutes=minute))
        except RecipientCannotReceive:
            misses += 1
        except TooManyLookUps:
            continue
    assert misses <= DAY // MISS


def test_hits_are_cheap_and_end_too(post, find, tom):
    for _ in range(HOUR - MISS + 1):
        find("+351912345670")
    with pytest.raises(TooManyLookUps):
        find("+351912345670")
    assert find("+351912345670", at=post.at + timedelta(hours=2)).customer_id == tom[0]


def test_one_members_budget_is_no_others(post, find, tom):
    for _ in range(HOUR // MISS):
        with pytest.raises(RecipientCannotReceive):
            find("+351912000999")
    with pytest.raises(TooManyLookUps):
        find("+351912345670")
    assert find("+351912345689", by=tom[0])


def test_two_people_with_one_number_are_nobody(post, session, find):
    for source in ("a", "b"):
        with orm.writing(session):
            made = members.create_customer(
                session,
                identifiers=[
                    members.NewIdentifier(
                        type="mobile", value="+351912000777", source_account=source
                    )
                ],
                at=post.at,
            )
        post.join(made.id)
    with pytest.raises(RecipientCannotReceive):
        find("+351912000777")
