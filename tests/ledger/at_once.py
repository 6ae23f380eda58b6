"""Many at once: processes and threads that begin together, and what each of them got."""

import multiprocessing
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from portal import orm

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

# Children get fresh connections of their own; nothing of the parent's is used in them.
_context = multiprocessing.get_context("fork")


def _child(barrier, answers, work, url, number, arguments):
    try:
        engine = orm.make_engine(url, pool_size=2)
        barrier.wait(60)
        with Session(engine, expire_on_commit=False) as session:
            answers.put((number, work(session, number, *arguments), None))
        engine.dispose()
    except BaseException:  # noqa: BLE001 - told to the test, which fails
        answers.put((number, None, traceback.format_exc()))
    answers.close()
    answers.join_thread()


def processes(count: int, work: Callable, url: str, *arguments) -> list:
    """What ``work(session, number, *arguments)`` returned in each of ``count`` processes."""
    barrier, answers = _context.Barrier(count), _context.Queue()
    children = [
        _context.Process(target=_child, args=(barrier, answers, work, url, number, arguments))
        for number in range(count)
    ]
    for child in children:
        child.start()
    found = [answers.get(timeout=300) for _ in children]
    for child in children:
        child.join(30)
    assert [error for _, _, error in found if error] == []
    return [answer for _, answer, _ in sorted(found, key=lambda item: item[0])]


def threads(count: int, work: Callable, engine, *arguments) -> list:
    """The same in threads that share one engine and its pool."""
    barrier = threading.Barrier(count)
    answers: list = [None] * count
    errors: list[str] = []

    def run(number):
        try:
            barrier.wait(60)
            with Session(engine, expire_on_commit=False) as session:
                answers[number] = work(session, number, *arguments)
        except BaseException:  # noqa: BLE001 - told to the test, which fails
            errors.append(traceback.format_exc())

    started = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(120)
    assert errors == []
    return answers
