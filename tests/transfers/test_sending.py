"""A gift from start to receipt, as members and tills make it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from portal import ledger, members, orm, transfers
from portal.codes import WrongCode
from portal.members import NewIdentifier
from portal.transfers import Direction, Party, RequestStatus


def customer(member):
    return Party(customer_id=member[0])


def test_points_go_from_one_to_the_other_with_a_code(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), 300, note="for the cinema")
    assert asked.check.transferable
    assert asked.check.remaining == 700
    assert (asked.check.sender_display, asked.check.from_account) == ("Ja… D… (…89)", jane[1])
    assert asked.id.startswith("trq_")
    assert asked.destination == "…89"
    assert asked.warnings == ()
    made = post.confirm(asked.id, post.code())
    assert made.id.startswith("trf_")
    assert (made.points, made.direction, made.at) == (300, Direction.OUT, post.at)
    assert (made.from_display, made.to_display) == ("Ja… D… (…89)", "To… S… (…70)")
    assert (made.sender.name, made.recipient.name) == ("Jane Doe", "Tom Sawyer")
    assert (made.note, made.program_id, made.program_name) == (
        "for the cinema",
        "club",
        "Club Points",
    )
    assert [(part.program_id, part.points, part.left) for part in made.breakup] == [
        ("club", 300, 700)
    ]
    assert (post.balance(jane[1]), post.balance(tom[1])) == (700, 300)
    post.verify()


def test_the_message_names_what_the_code_is_for_and_who_gets_it(post, jane, tom):
    post.request(customer(jane), customer(tom), 300, note="click evil.example")
    (message,) = post.messages()
    assert message["to"] == "+351912345689"
    assert message["body"][6:] == (
        " is your code to send 300 points to To… S… (…70). It works once, for five minutes, "
        "and for nothing else. If you did not ask for it, tell it to nobody."
    )


def test_both_sides_are_told_and_nobody_reads_the_note_in_a_message(post, jane, tom):
    post.send(customer(jane), customer(tom), 300, note="click evil.example")
    told = {message["to"]: message["body"] for message in post.messages()[:2]}
    assert told["+351912345670"] == "You were sent 300 points by Ja… D… (…89)."
    assert told["+351912345689"].startswith("300 points were sent to To… S…")
    assert not any("evil" in message["body"] for message in post.messages())


def test_a_second_click_gives_the_same_receipt_and_sends_nothing(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), 300)
    code = post.code()
    first = post.confirm(asked.id, code)
    assert post.confirm(asked.id, code) == first
    assert post.confirm(asked.id, "000000", at=post.at + timedelta(hours=1)) == first
    assert post.balance(tom[1]) == 300
    assert len(post.messages()) == 3


def test_by_default_no_code_is_sent(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), issue_code=False)
    assert asked.id is not None
    assert not asked.code_sent
    assert post.messages() == []


def test_what_cannot_be_sent_is_not_stored(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), 1001)
    assert asked.id is None
    assert [reason.code for reason in asked.check.reasons] == ["insufficient_points"]
    assert post.messages() == []


def test_without_phone_and_e_mail_it_can_be_sent_and_the_code_cannot(post, tom):
    mute = post.member(external_id="E1", points=500)
    asked = post.request(customer(mute), customer(tom))
    assert asked.id is not None
    assert [(w.code, w.legacy_code) for w in asked.warnings] == [("code_not_sent", 876)]


def test_where_no_channel_is_set_up_the_code_goes_by_e_mail(post, tom):
    both = post.member(mobile="+351912345600", email="a@b.test", points=500)
    only = transfers.CodeSending(
        pepper=post.sending.pepper, cipher=post.cipher, channels=frozenset({"email"})
    )
    assert post.request(customer(both), customer(tom), sending=only).destination == "a…@b….test"
    (message,) = post.messages()
    assert message["subject"] == "Your code to send points"


def test_whoever_has_no_contact_is_told_nothing(post, jane):
    mute = post.member(external_id="E1")
    post.send(customer(jane), customer(mute), 100)
    assert len(post.messages()) == 2
    only = transfers.CodeSending(
        pepper=post.sending.pepper, cipher=post.cipher, channels=frozenset({"email"})
    )
    later = post.at + timedelta(minutes=1)
    asked = post.request(customer(jane), customer(mute), 100, at=later)
    post.confirm(asked.id, post.code(), at=later, sending=only)
    assert len(post.messages()) == 3


def test_the_event_says_where_and_by_which_request_it_was_done(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), 100)
    made = post.confirm(asked.id, post.code(), store="lisbon", request_key="req_1")
    event = ledger.story(post.session, entry_id=made.entry_id).line.event
    assert (event.name, event.origin, event.store, event.actor) == (
        "PointsTransfer",
        "transfer",
        "lisbon",
        "member:test",
    )


def test_a_proved_phone_is_chosen_before_one_that_is_only_known(post, tom, session):
    two = post.member(mobile="+351912345600", points=500)
    with orm.writing(session):
        members.amend_customer(
            session,
            customer_id=two[0],
            identifiers=[NewIdentifier(type="mobile", value="+351912345611", source_account="app")],
            at=post.at - timedelta(days=30),
        )
        members.mark_verified(
            session, customer_id=two[0], type="mobile", value="+351912345611", at=post.at
        )
    assert post.request(customer(two), customer(tom)).destination == "…11"


def test_a_code_asked_for_too_soon_is_a_warning_with_its_time(post, jane, tom):
    post.request(customer(jane), customer(tom))
    asked = post.request(customer(jane), customer(tom), 200, at=post.at + timedelta(seconds=10))
    assert asked.id is not None
    (warning,) = asked.warnings
    assert (warning.code, warning.legacy_code) == ("code_not_sent", 860)
    assert warning.retry_after_seconds == 20
    assert asked.resend_at == post.at + timedelta(seconds=30)


def test_a_new_code_ends_the_old_one(post, jane, tom):
    asked = post.request(customer(jane), customer(tom))
    old, later = post.code(), post.at + timedelta(minutes=1)
    sent = post.do(
        transfers.resend, request_id=asked.id, context="ses_1", sending=post.sending, at=later
    )
    assert (sent.destination, sent.resend_at) == ("…89", later + timedelta(seconds=30))
    new = post.code()
    if new != old:
        with pytest.raises(WrongCode):
            post.confirm(asked.id, old, at=later)
    assert post.confirm(asked.id, new, at=later).points == 100


def test_a_request_can_be_cancelled_until_its_code_is_used(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), note="n")
    code = post.code()
    cancel = {"request_id": asked.id, "context": "ses_1", "at": post.at}
    view = post.do(transfers.cancel, **cancel)
    assert (view.status, view.note) == (RequestStatus.CANCELLED, None)
    assert post.do(transfers.cancel, **cancel).status is RequestStatus.CANCELLED
    for attempt in (
        lambda: post.confirm(asked.id, code),
        lambda: post.do(
            transfers.resend,
            request_id=asked.id,
            context="ses_1",
            sending=post.sending,
            at=post.at,
        ),
    ):
        with pytest.raises(transfers.TransferRequestCancelled):
            attempt()
    assert post.balance(jane[1]) == 1000


def test_what_was_sent_cannot_be_cancelled(post, jane, tom):
    asked = post.request(customer(jane), customer(tom))
    made = post.confirm(asked.id, post.code())
    for verb, more in (
        (transfers.cancel, {}),
        (transfers.resend, {"sending": post.sending}),
    ):
        with pytest.raises(transfers.TransferRequestUsed) as refused:
            post.do(verb, request_id=asked.id, context="ses_1", at=post.at, **more)
        assert refused.value.facts == {"transfer": made.id}
    found = post.do(transfers.find_request, request_id=asked.id, context="ses_1", at=post.at)
    assert (found.status, found.transfer_id, found.note) == (RequestStatus.USED, made.id, None)


def test_a_request_lives_a_half_an_hour(post, jane, tom):
    asked = post.request(customer(jane), customer(tom))
    assert asked.expires_at == post.at + timedelta(minutes=30)
    late = asked.expires_at
    view = post.do(transfers.find_request, request_id=asked.id, context="ses_1", at=late)
    assert view.status is RequestStatus.EXPIRED
    with pytest.raises(transfers.TransferRequestExpired):
        post.confirm(asked.id, post.code(), at=late)
    assert post.do(transfers.purge, at=late + timedelta(hours=23)) == 0
    assert post.do(transfers.purge, at=late + timedelta(days=1)) == 1
    with pytest.raises(transfers.TransferRequestNotFound):
        post.look(asked.id, "123456", at=late)


def test_editing_replaces_a_request(post, jane, tom):
    first = post.request(customer(jane), customer(tom), 100)
    code, later = post.code(), post.at + timedelta(minutes=1)
    second = post.request(customer(jane), customer(tom), 200, replaces=first.id, at=later)
    with pytest.raises(transfers.TransferRequestCancelled):
        post.confirm(first.id, code, at=later)
    assert post.confirm(second.id, post.code(), at=later).points == 200


def test_an_edit_that_cannot_be_sent_leaves_what_was_asked_for(post, jane, tom):
    first = post.request(customer(jane), customer(tom), 100)
    assert post.request(customer(jane), customer(tom), 9999, replaces=first.id).id is None
    assert post.confirm(first.id, post.code()).points == 100
    with pytest.raises(transfers.TransferRequestUsed):
        post.request(customer(jane), customer(tom), 50, replaces=first.id)


def test_a_request_is_found_by_whoever_made_it_alone(post, jane, tom):
    asked = post.request(customer(jane), customer(tom), note="hi")
    view = post.do(transfers.find_request, request_id=asked.id, context="ses_1", at=post.at)
    assert (view.points, view.note, view.recipient.display) == (100, "hi", "To… S… (…70)")
    assert view.resend_at == post.at + timedelta(seconds=30)
    with pytest.raises(transfers.TransferRequestNotFound):
        post.do(transfers.find_request, request_id=asked.id, context="ses_2", at=post.at)


def test_sent_points_keep_their_expiry_and_those_that_die_first_go_first(post, tom):
    giver = post.member("Ann", "Bee", mobile="+351912345699")
    post.give(giver[1], 100, days=None)
    post.give(giver[1], 100, days=300)
    post.give(giver[1], 100, days=10)
    found = post.check(customer(giver), customer(tom), 150)
    soon, late = post.at + timedelta(days=10), post.at + timedelta(days=300)
    assert [(part.points, part.expires_at) for part in found.parts] == [(100, soon), (50, late)]
    assert found.parts[0].expires_on == soon.date()
    post.send(customer(giver), customer(tom), 150)
    position = ledger.position(post.session, account_id=tom[1], at=post.at)
    assert [(d.points, d.expires_at) for d in position.deadlines] == [(100, soon), (50, late)]
    assert position.lifetime == 0
    assert post.balance(tom[1], at=soon) == 50


def test_ten_and_a_half_points_are_sent_where_the_program_has_decimals(post):
    coffee = post.coffee()
    giver, taker = post.customer("Tom", "Sawyer"), post.customer("James", "Thomas")
    accounts = [post.join(who, program="coffee") for who in (giver, taker)]
    post.give(accounts[0], 800)
    points = transfers.smallest(coffee, Decimal("10.5"))
    assert points == 105
    made = post.send(Party(customer_id=giver), Party(customer_id=taker), points, program="coffee")
    assert (made.points, made.breakup[0].left) == (105, 695)
    assert "send 10.5 beans to Ja… T…" in post.messages()[2]["body"]
