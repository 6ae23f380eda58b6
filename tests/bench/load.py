"""The load generator: one process, prebuilt bytes over kept-alive connections.

    python -m tests.bench.load < job.json > outcome.json

It is cheap on purpose, so that it does not eat the processors that it
measures; what it costs itself is in its outcome. Every answer is looked at:
anything but the expected status counts as wrong.
"""

import asyncio
import gc
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

NUMBER = "@@@@@@@@@"
"""As long as the numbers that replace it, so that a body keeps its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to send, from how many clients, for how long."""

    port: int
    path: str
    headers: dict[str, str]
    bodies: list[str]
    """One for each account; requests go through them in turn.

    Where one holds :data:`NUMBER`, the request's own number stands there.
    """
    key_prefix: str
    clients: int
    seconds: float
    settle_seconds: float = 0.3
    """Sent before measuring begins, and not counted in rates."""
    status: int = 201
    """What every answer must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came back."""

    answered: int
    """All that were answered as expected, warming up included."""
    wrong: int
    first_wrong: str
    per_second: float
    p50_ms: float
    p99_ms: float
    own_microseconds: float
    """Of processor time of this process, for each request."""


class _Run:
    """One job on its way; the clients share it."""

    def __init__(self, job: Job):
        head = "".join(f"{name}: {value}\r\n" for name, value in job.headers.items())
        self.starts = [
            f"POST {job.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{head}Idempotency-Key: {job.key_prefix}".encode()
            for body in job.bodies
        ]
        self.ends = [f"\r\n\r\n{body}".encode() for body in job.bodies]
        self.status = str(job.status).encode()
        self.numbered = any(NUMBER in body for body in job.bodies)
        self.sent = self.answered = self.wrong = self.counted = 0
        self.first_wrong = ""
        self.latencies: list[float] = []
        self.count_from = self.stop_at = 0.0

    def next_request(self) -> bytes:
        number = self.sent
        self.sent = number + 1
        place = number % len(self.starts)
        end = self.ends[place]
        if self.numbered:
            end = end.replace(NUMBER.encode(), b"%09d" % number)
        return b"%b%09d%b" % (self.starts[place], number, end)

    def note(self, began: float, now: float, answer: bytes) -> None:
        if answer[9:12] == self.status:
            self.answered += 1
        else:
            self.wrong += 1
            self.first_wrong = self.first_wrong or answer.decode(errors="replace")[:600]
        self.counted += self.count_from <= now <= self.stop_at
        if began >= self.count_from:
            self.latencies.append(now - began)


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, run: _Run, done: "asyncio.Future[None]"):
        self.run, self.done = run, done
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.began = time.perf_counter()
        if self.began >= self.run.stop_at:
            self.transport.close()
            return
        self.transport.write(self.run.next_request())

    def data_received(self, data: bytes) -> None:
        self.buffer = buffer = self.buffer + data if self.buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        place = buffer.find(b"ontent-Length: ", 0, end)
        if place < 0:
            self.run.note(self.began, time.perf_counter(), b"without a length: " + buffer)
            self.transport.close()
            return
        length = int(buffer[place + 15 : buffer.index(b"\r", place)])
        if len(buffer) < end + 4 + length:
            return
        self.buffer = b""
        self.run.note(self.began, time.perf_counter(), buffer)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _send_all(job: Job) -> Outcome:
    run = _Run(job)
    loop = asyncio.get_running_loop()
    cpu = time.process_time()
    run.count_from = time.perf_counter() + job.settle_seconds
    run.stop_at = run.count_from + job.seconds
    ends = [loop.create_future() for _ in range(job.clients)]
    for done in ends:
        await loop.create_connection(lambda done=done: _Client(run, done), "127.0.0.1", job.port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    cpu = time.process_time() - cpu
    # A slice too short for a slow server to answer in: take all of it.
    whole = run.answered / (time.perf_counter() - run.count_from + job.settle_seconds)
    ordered = sorted(run.latencies) or [job.seconds]
    return Outcome(
        answered=run.answered,
        wrong=run.wrong,
        first_wrong=run.first_wrong,
        per_second=run.counted / job.seconds or whole,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        own_microseconds=cpu / max(run.answered, 1) * 1e6,
    )


def main() -> None:
    """Read a job, do it, tell."""
    job = Job(**json.load(sys.stdin))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    gc.disable()
    json.dump(asdict(asyncio.run(_send_all(job))), sys.stdout)


if __name__ == "__main__":
    main()
