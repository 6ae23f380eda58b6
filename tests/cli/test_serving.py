import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

import pytest
from click.testing import CliRunner

from portal import orm, schema
from portal.cli import main

START_SECONDS_MAX = 60


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path / 'portal.db'}"
    engine = orm.make_engine(url)
    schema.upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture
def port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(database, tmp_path):
    """Starts ``portal …`` as its own process; whatever still runs at the end is killed."""
    running = []

    def run(*arguments, **environment):
        command = "from portal.cli import main; main(prog_name='portal')"
        process = subprocess.Popen(
            [sys.executable, "-c", command, *map(str, arguments)],
            env=os.environ
            | {"PORTAL_DATABASE_URL": database, "PYTHONPATH": os.getcwd()}
            | {"PORTAL_QUEUE_URL": f"sqlite:///{tmp_path / 'huey.db'}"}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answer(url):
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return response.status, response.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_serve_answers_and_ends_well_on_sigterm(start, port):
    server = start("serve", "--port", port, "--workers", 2)
    assert answer(f"http://127.0.0.1:{port}/healthz")[0] == 200
    assert answer(f"http://127.0.0.1:{port}/sign-in")[0] == 200
    server.send_signal(signal.SIGTERM)
    said, _ = server.communicate(timeout=30)
    assert server.returncode == 0
    assert f"Serving http://127.0.0.1:{port}" in said
    assert "Traceback" not in said


def test_worker_ends_well_on_sigterm(start):
    worker = start("worker")
    for line in worker.stdout:
        if "worker.started" in line:
            break
    # huey sets its signal handlers a moment later.
    time.sleep(1.5)
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0, said
    assert "worker.stopped" in said
    assert "Traceback" not in said


def test_serve_names_a_port_that_is_taken(port, database):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        for extra in ((), ("--check-port",)):
            refused = CliRunner().invoke(
                main,
                ["serve", "--port", str(port), *extra],
                env={"PORTAL_DATABASE_URL": database},
            )
            assert refused.exit_code == 1
            assert f"--port: {port} on 127.0.0.1 cannot be used" in refused.stderr


def test_check_port_only_looks(port):
    looked = CliRunner().invoke(main, ["serve", "--check-port", "--port", str(port)])
    assert (looked.exit_code, looked.output) == (0, "")


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "70000"), ("--workers", "0")])
def test_serve_refuses_what_cannot_be(arguments):
    assert CliRunner().invoke(main, ["serve", *arguments]).exit_code == 2
