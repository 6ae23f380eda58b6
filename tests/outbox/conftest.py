"""Real receivers of messages: a small SMTP server and a small HTTP server."""

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portal.outbox import Cipher, SendingFailed


class Mailbox:
    """What an SMTP server was given; ``refuse`` makes it turn recipients away."""

    def __init__(self):
        self.letters = []
        self.refuse = False
        self.port = 0


class _Smtp(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        box, to = self.server.box, []
        self.say("220 here")
        while line := self.rfile.readline():
            command = line.decode().strip()
            word = command[:4].upper()
            if word in ("EHLO", "HELO"):
                self.say("250 hello")
            elif word == "RCPT":
                to.append(command.split(":", 1)[1].strip("<> "))
                self.say("550 nobody here" if box.refuse else "250 good")
            elif word == "DATA":
                self.say("354 go on")
                lines = []
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(part[1:] if part.startswith(b"..") else part)
                letter = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                box.letters.append((to, letter))
                to = []
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 good")


class Gateway:
    """What an HTTP gateway was posted; ``status`` is its answer."""

    def __init__(self):
        self.posts = []
        self.status = 200
        self.port = 0


def _gateway_handler(gateway):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            gateway.posts.append((self.path, json.loads(body)))
            self.send_response(gateway.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def _served(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A real SMTP server on a port of its own."""
    box = Mailbox()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp)
    server.daemon_threads = True
    server.box = box
    with _served(server) as box.port:
        yield box


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A real HTTP server on a port of its own."""
    gateway = Gateway()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _gateway_handler(gateway))
    server.daemon_threads = True
    with _served(server) as gateway.port:
        yield gateway


@pytest.fixture
def cipher() -> Cipher:
    """Of a secret for tests."""
    return Cipher(b"a secret for tests, which is long enough")


class Recorder:
    """A sender that remembers, and fails as often as it is told to."""

    def __init__(self, *, keeps=False):
        self.keeps = keeps
        self.sent = []
        self.failures = 0
        self.error = SendingFailed("not now")

    def send(self, message):
        if self.failures:
            self.failures -= 1
            raise self.error
        self.sent.append(message)


@pytest.fixture
def recorder() -> Recorder:
    """A sender that remembers."""
    return Recorder()
