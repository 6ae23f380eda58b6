"""A form that is sent again does nothing again."""

import threading

import pytest

from portal import clock, orm
from portal.web import operations
from portal.web.extensions import db
from portal.web.operations import AlreadySent, UnknownOperation


@pytest.fixture
def done():
    """What was really done."""
    return []


@pytest.fixture
def send(app, done):
    """``send(operation)``: the form is sent; gives what came of it."""

    def send_form(operation, *, who="member:cus_1", content=None, act=None, may_change=False):
        def work(_session):
            done.append(operation)
            return f"result {len(done)}"

        with app.test_request_context(), orm.writing(db.session()) as session:
            return operations.once(
                session,
                act or work,
                operation=operation,
                who=who,
                content=content or {"points": "5"},
                at=clock.now(),
                may_change=may_change,
            )

    return send_form


@pytest.fixture
def operation(app):
    """What the server put into a form."""
    with app.test_request_context():
        return operations.new_id()


def test_sent_again_it_gives_the_first_result(send, operation, done):
    first, again = send(operation), send(operation)
    assert (first.result, first.repeated) == ("result 1", False)
    assert (again.result, again.repeated) == ("result 1", True)
    assert len(done) == 1


def test_other_content_is_refused(send, operation, done):
    send(operation)
    with pytest.raises(AlreadySent):
        send(operation, content={"points": "6"})
    assert len(done) == 1


def test_other_content_is_its_own_operation_where_it_may_change(send, operation, done):
    for content in ({"points": "5"}, {"points": "6"}, {"points": "5"}):
        send(operation, content=content, may_change=True)
    assert len(done) == 2


def test_another_persons_form_is_another_operation(send, operation, done):
    send(operation)
    assert not send(operation, who="member:cus_2").repeated
    assert len(done) == 2


def test_what_failed_may_be_sent_again(send, operation):
    def fail(_session):
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        send(operation, act=fail)
    assert not send(operation).repeated


@pytest.mark.parametrize("made_up", ["", "abc", "abc.def", ".", "x" * 5000, "ü.ü"])
def test_ids_that_are_not_ours_are_refused(send, done, made_up):
    with pytest.raises(UnknownOperation):
        send(made_up)
    assert done == []


def test_sent_ten_times_at_once_it_is_done_once(send, operation, done):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(send(operation).result)) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["result 1"] * 10
    assert len(done) == 1
