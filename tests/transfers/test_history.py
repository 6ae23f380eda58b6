"""What was sent and received: pages, receipts, recent recipients, and what still waits."""

from datetime import timedelta

import pytest

from portal import ledger, orm, transfers
from portal.ledger.errors import InvalidCursor
from portal.members.models import Customer
from portal.transfers import Direction, Party


def customer(member):
    return Party(customer_id=member[0])


def send(post, sender, recipient, points, minutes):
    return post.send(
        customer(sender), customer(recipient), points, at=post.at + timedelta(minutes=minutes)
    )


def test_pages_go_on_where_they_stopped_in_both_directions(post, jane, tom):
    made = []
    for number in range(7):
        pair = (jane, tom) if number % 2 == 0 else (tom, jane)
        made.append(send(post, *pair, 10, number))
    found, cursor = [], None
    for size in (3, 3, 1):
        page = transfers.history(post.session, account_ids=[jane[1]], limit=3, cursor=cursor)
        assert len(page.transfers) == size
        found += page.transfers
        cursor = page.next_cursor
    assert cursor is None
    assert [one.id for one in found] == [one.id for one in reversed(made)]
    assert [one.direction for one in found] == [Direction.OUT, Direction.IN] * 3 + [Direction.OUT]
    assert [one.breakup[0].left for one in found][:2] == [990, 1000]


def test_transfers_of_one_moment_are_each_listed_once(post, jane, tom, session):
    others = [post.member("Ann", "Bee") for _ in range(5)]
    for number, other in enumerate(others):
        asked = post.request(
            customer(jane), customer(other), 1, at=post.at + timedelta(minutes=number)
        )
        post.confirm(asked.id, post.code(), at=post.at + timedelta(minutes=number))
    with orm.writing(session):
        session.execute(transfers.models.Transfer.__table__.update().values(created_at=post.at))
    seen, cursor = [], None
    while True:
        page = transfers.history(session, account_ids=[jane[1]], limit=2, cursor=cursor)
        seen += [one.id for one in page.transfers]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5


def test_by_program(post, jane, tom):
    post.coffee()
    mine, _ = (post.join(who[0], program="coffee") for who in (jane, tom))
    post.give(mine, 100)
    send(post, jane, tom, 10, 0)
    post.send(customer(jane), customer(tom), 5, program="coffee", at=post.at + timedelta(minutes=1))
    accounts = [jane[1], mine]
    assert len(transfers.history(post.session, account_ids=accounts).transfers) == 2
    (one,) = transfers.history(post.session, account_ids=accounts, program="coffee").transfers
    assert (one.program_id, one.points) == ("coffee", 5)


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "MjAyNi0wMS0wMXx0cmZfMQ"])
def test_a_cursor_from_elsewhere_is_refused(post, jane, cursor):
    with pytest.raises(InvalidCursor):
        transfers.history(post.session, account_ids=[jane[1]], cursor=cursor)


def test_nothing_of_nobody(post):
    assert transfers.history(post.session, account_ids=[]).transfers == ()
    assert transfers.recents(post.session, account_ids=[]) == []


def test_a_page_costs_the_same_however_long_it_is(post, jane, statements):
    others = [post.member("Ann", "Bee") for _ in range(4)]
    send(post, jane, others[0], 1, 0)
    statements()
    transfers.history(post.session, account_ids=[jane[1]])
    first = len(statements())
    for number, other in enumerate(others, 1):
        send(post, jane, other, 1, number)
    post.session.rollback()
    statements()
    assert len(transfers.history(post.session, account_ids=[jane[1]]).transfers) == 5
    assert len(statements()) == first == 3
    transfers.recents(post.session, account_ids=[jane[1]])
    assert len(statements()) == 2


def test_a_check_by_accounts_takes_five_statements_and_a_request_two(post, jane, tom, statements):
    post.limits(per_day=500, per_month=500)
    asked = post.request(customer(jane), customer(tom), issue_code=False)
    post.session.rollback()
    statements()
    found = post.check(
        Party(account_id=jane[1]), Party(account_id=tom[1]), by=Party(customer_id=jane[0])
    )
    assert found.transferable
    assert len(statements()) == 5
    transfers.find_request(post.session, request_id=asked.id, context="ses_1", at=post.at)
    assert len(statements()) == 2


def test_a_receipt_is_seen_by_both_sides_and_nobody_else(post, jane, tom):
    made = send(post, jane, tom, 10, 0)
    ann = post.member("Ann", "Bee")
    assert transfers.receipt(post.session, transfer_id=made.id, account_ids=[jane[1]]) == made
    theirs = transfers.receipt(post.session, transfer_id=made.id, account_ids=[tom[1]])
    assert (theirs.direction, theirs.breakup[0].left) == (Direction.IN, 10)
    line = ledger.story(post.session, entry_id=theirs.entry_id).line
    assert (line.entry.account_id, line.entry.amount) == (tom[1], 10)
    by_event = transfers.receipt(post.session, event_id=line.entry.event_id, account_ids=[tom[1]])
    assert by_event == theirs
    for others in ([ann[1]], []):
        with pytest.raises(transfers.TransferNotFound):
            transfers.receipt(post.session, transfer_id=made.id, account_ids=others)


def test_a_merge_takes_the_history_along(post, jane, tom):
    made = send(post, jane, tom, 10, 0)
    ann, eve = post.member("Ann", "Bee"), post.member("Eve", "Fox")
    post.merge(tom[1], ann[1])
    post.merge(ann[1], eve[1])
    (one,) = transfers.history(post.session, account_ids=[eve[1]]).transfers
    assert (one.id, one.direction) == (made.id, Direction.IN)
    assert (one.recipient.customer_id, one.recipient.account_id) == (eve[0], eve[1])
    assert transfers.receipt(post.session, transfer_id=made.id, account_ids=[eve[1]]) == one
    (recent,) = transfers.recents(post.session, account_ids=[jane[1]])
    assert recent.recipient.account_id == eve[1]


def test_sender_and_recipient_who_became_one(post, jane, tom):
    send(post, jane, tom, 10, 0)
    post.merge(tom[1], jane[1])
    (one,) = transfers.history(post.session, account_ids=[jane[1]]).transfers
    assert one.direction is Direction.WITHIN
    assert transfers.recents(post.session, account_ids=[jane[1]]) == []


def test_recent_recipients_each_once_the_last_first(post, jane, tom):
    ann = post.member("Ann", "Bee")
    for number, other in enumerate((tom, ann, tom)):
        send(post, jane, other, 10, number)
    found = transfers.recents(post.session, account_ids=[jane[1]])
    assert [(one.recipient.account_id, one.points) for one in found] == [
        (tom[1], 20),
        (ann[1], 10),
    ]
    assert found[0].last_at == post.at + timedelta(minutes=2)
    assert found[0].recipient.display == "To… S… (…70)"
    assert len(transfers.recents(post.session, account_ids=[jane[1]], limit=1)) == 1
    assert transfers.recents(post.session, account_ids=[tom[1]]) == []


def test_recent_recipients_who_can_receive_nothing_are_left_out(post, session, jane):
    closed, fraud, gone, well = (post.member("Ann", "Bee") for _ in range(4))
    for number, other in enumerate((closed, fraud, gone, well)):
        send(post, jane, other, 10, number)
    post.status(ledger.close, closed[1])
    post.fraud(fraud[0])
    with orm.writing(session):
        session.get(Customer, gone[0]).erased_at = post.at
    found = transfers.recents(session, account_ids=[jane[1]])
    assert [one.recipient.account_id for one in found] == [well[1]]


def test_what_waits_must_be_settled_before_a_merge(post, jane, tom):
    first = post.request(customer(jane), customer(tom), 10, issue_code=False)
    second = post.request(customer(jane), customer(tom), 20, issue_code=False)
    for account in (jane[1], tom[1]):
        waiting = transfers.pending(post.session, account, at=post.at)
        assert [one.id for one in waiting] == [first.id, second.id]
    post.do(transfers.cancel, request_id=first.id, context="ses_1", at=post.at)
    assert [one.id for one in transfers.pending(post.session, tom[1], at=post.at)] == [second.id]
    assert transfers.pending(post.session, tom[1], at=second.expires_at) == []
    newest = transfers.open_request(
        post.session, by_customer_id=jane[0], context="ses_1", at=post.at
    )
    assert newest.id == second.id
    for other in ({"context": "ses_2"}, {"by_customer_id": tom[0]}):
        asked = {"by_customer_id": jane[0], "context": "ses_1"} | other
        assert transfers.open_request(post.session, at=post.at, **asked) is None
