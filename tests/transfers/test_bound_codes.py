"""A code is for one transfer alone: change anything of it, and it is void (QUALITY, B.1, B.2)."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from portal import codes, orm, transfers
from portal.codes import CodeExpired, CodeMalformed, CodeRefused, TriesUsedUp, WrongCode
from portal.errors import Misuse
from portal.transfers import Party
from portal.transfers.models import TransferRequest
from tests.transfers.posting import PEPPER


def customer(member):
    return Party(customer_id=member[0])


@pytest.fixture
def asked(post, jane, tom):
    return post.request(customer(jane), customer(tom), 100)


def edit(session, request_id, **values):
    with orm.writing(session):
        session.execute(
            update(TransferRequest).where(TransferRequest.id == request_id).values(**values)
        )


def refused(post, request_id, code, kind=CodeRefused, **more):
    with pytest.raises(kind):
        post.confirm(request_id, code, **more)


@pytest.mark.parametrize("what", ["sender", "recipient", "amount", "program", "doer", "session"])
def test_a_change_of_anything_makes_the_code_void(post, session, jane, tom, asked, what):
    code = post.code()
    ann = post.member("Ann", "Bee", points=1000)
    context = "ses_1"
    if what == "sender":
        edit(session, asked.id, from_account_id=ann[1], by_customer_id=ann[0])
    elif what == "recipient":
        edit(session, asked.id, to_account_id=ann[1])
    elif what == "amount":
        edit(session, asked.id, points=101)
    elif what == "program":
        post.coffee()
        edit(session, asked.id, program_id="coffee")
    elif what == "doer":
        edit(session, asked.id, by_customer_id=ann[0])
    else:
        context = "ses_2"
        edit(session, asked.id, context=context)
    refused(post, asked.id, code, WrongCode, context=context)
    assert post.balance(jane[1]) == 1000


def test_another_session_does_not_even_learn_that_there_is_one(post, asked):
    code = post.code()
    for _ in range(6):
        refused(post, asked.id, code, transfers.TransferRequestNotFound, context="ses_2")
    # Nor did it use up a try.
    assert post.confirm(asked.id, code).points == 100


def test_the_code_of_one_transfer_is_void_for_another(post, jane, tom):
    ann = post.member("Ann", "Bee", mobile="+351912345644")
    first = post.request(customer(jane), customer(tom), 100)
    code = post.code()
    later = post.at + timedelta(minutes=1)
    second = post.request(customer(jane), customer(ann), 100, at=later)
    # The newer one to the same phone has ended it, and it never was the other's.
    refused(post, first.id, code, CodeExpired, at=later)
    if code != post.code():
        refused(post, second.id, code, WrongCode, at=later)


@pytest.mark.parametrize("purpose", ["sign_in", "prove", "redeem"])
def test_a_code_for_anything_else_is_refused(post, session, jane, asked, purpose):
    right = post.code()
    with orm.writing(session):
        code = codes.issue(
            session,
            purpose=purpose,
            subject=asked.id,
            context=transfers.telling.bound(
                session.execute(TransferRequest.__table__.select()).mappings().one()
            ),
            destination="+351912345689",
            holder=jane[0],
            at=post.at,
            pepper=PEPPER,
        )
    if code != right:
        refused(post, asked.id, code, WrongCode)
    assert post.confirm(asked.id, right).points == 100


def test_the_code_of_a_transfer_signs_nobody_in(post, session, asked):
    code = post.code()
    with orm.recording(session):
        look = codes.look(
            session,
            purpose="sign_in",
            subject=asked.id,
            context={},
            code=code,
            at=post.at,
            pepper=PEPPER,
        )
    assert not look.matches


def test_a_look_at_one_requests_code_confirms_no_other(post, jane, tom, asked):
    look = post.look(asked.id, post.code())
    other = post.request(customer(jane), customer(tom), 900, issue_code=False)
    with pytest.raises(Misuse), orm.writing(post.session):
        transfers.confirm(
            post.session,
            request_id=other.id,
            look=look,
            context="ses_1",
            actor="member:test",
            at=post.at,
        )


def test_without_a_code_nothing_is_sent(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), issue_code=False)
    refused(post, asked.id, "123456", CodeExpired)
    refused(post, asked.id, "12345", CodeMalformed)


def test_a_code_lives_five_minutes(post, asked):
    code = post.code()
    refused(post, asked.id, code, CodeExpired, at=post.at + codes.LIFETIME)
    assert post.confirm(asked.id, code, at=post.at + timedelta(minutes=4, seconds=59))


def test_after_five_tries_the_right_code_no_longer_helps(post, asked):
    code = post.code()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for left in (4, 3, 2, 1):
        with pytest.raises(WrongCode) as told:
            post.confirm(asked.id, wrong)
        assert told.value.facts == {"tries_left": left}
    refused(post, asked.id, wrong, TriesUsedUp)
    refused(post, asked.id, code, TriesUsedUp)
    later = post.at + timedelta(minutes=1)
    post.do(transfers.resend, request_id=asked.id, context="ses_1", sending=post.sending, at=later)
    assert post.confirm(asked.id, post.code(), at=later).points == 100


def test_another_pepper_knows_no_code(post, session, asked):
    code = post.code()
    with orm.recording(session):
        look = transfers.look(
            session,
            request_id=asked.id,
            context="ses_1",
            code=code,
            at=post.at,
            pepper=b"q" * 32,
        )
    assert not look.look.matches


def test_no_code_stands_in_any_table(post, session, asked):
    code = post.code()
    session.rollback()
    for table in transfers.models.Base.metadata.sorted_tables:
        for row in session.execute(table.select()).all():
            text = " ".join(str(value) for value in row if not isinstance(value, bytes))
            assert code not in text.split()
            assert not any(code.encode() in value for value in row if isinstance(value, bytes))
