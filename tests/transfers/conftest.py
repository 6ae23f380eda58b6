"""A program with transfers, a member who has points, and one who has none."""

import pytest
from sqlalchemy import event

from tests.transfers.posting import CLUB, Post


@pytest.fixture
def post(session, at):
    post = Post(session, at)
    post.apply(CLUB)
    return post


@pytest.fixture
def jane(post):
    """A member who has points: their id and account."""
    return post.member("Jane", "Doe", points=1000, mobile="+351912345689")


@pytest.fixture
def tom(post):
    return post.member("Tom", "Sawyer", mobile="+351912345670")


@pytest.fixture
def statements(engine):
    """The statements that ran since it was last asked."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)

    def taken():
        ran = tuple(text for text in seen if not text.startswith(("PRAGMA", "BEGIN")))
        seen.clear()
        return ran

    yield taken
    event.remove(engine, "before_cursor_execute", note)
