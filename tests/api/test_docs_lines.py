"""The lines of /api/docs do what the page says, taken from the page as they stand."""

import os
import re
import stat
import subprocess
import sys
import uuid

import pytest
import requests
from bs4 import BeautifulSoup

from portal.web.api import examples
from portal.web.api.describing import document
from portal.web.api.endpoint import operations
from tests.api.conftest import CORNER, MUG, apply, apply_reward
from tests.api.reading import enrolled, household_of, last_code, wait_a_minute

EARNING = [
    {"id": "base", "kind": "spend", "currency": "EUR", "per": 100, "points": 1},
    {"id": "birthday", "kind": "event", "event": "birthday", "points": 75},
]
ANSWER_SECONDS_MAX = 120


@pytest.fixture
def page(app, server):
    """The page as the reader of ``server`` sees it."""
    with app.app_context():
        apply(CORNER | {"earning": EARNING, "transfers": {"enabled": True}})
        apply_reward(MUG | {"price": 200, "stock": None})
    return BeautifulSoup(requests.get(f"{server}/api/docs", timeout=30).text, "html.parser")


@pytest.fixture
def shell(tmp_path, engine_url):
    """Runs lines as someone in the portal's folder would, and gives what they print."""
    command = tmp_path / ".venv" / "bin" / "portal"
    command.parent.mkdir(parents=True)
    command.write_text(
        f"#!{sys.executable}\nfrom portal.cli import main\nmain(prog_name='portal')\n"
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    # So that an answer that refuses stops the script, without a word in the lines.
    (tmp_path / ".curlrc").write_text("fail-with-body\nno-progress-meter\nnoproxy = *\n")

    def run(lines, program=("bash", "-euo", "pipefail"), **variables):
        environment = os.environ | {
            "CURL_HOME": str(tmp_path),
            "PYTHONPATH": os.getcwd(),
            "PORTAL_DATABASE_URL": engine_url,
            "NO_PROXY": "*",
        }
        done = subprocess.run(
            [*program, "-c", lines],
            env=environment | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS_MAX,
        )
        assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def steps(page, language):
    return [block.text for block in page.select(f"[data-run={language}]")]


def test_a_first_redemption_by_copying_lines(page, shell, server):
    blocks = steps(page, "sh")
    assert len(blocks) == 5
    printed = shell("\n".join(blocks) + "\necho; env | grep -E '^(HOST|KEY)='")
    assert '"max_points":1000' in printed
    assert '"amount_due":1000' in printed
    assert '"points_given_back":250' in printed
    variables = dict(re.findall(r"^(HOST|KEY)=(.+)$", printed, re.MULTILINE))
    assert variables["HOST"] == f"{server}/api/v1"
    (python,) = steps(page, "python")
    printed = shell(python, program=[sys.executable], **variables)
    assert printed.startswith("1500 [")
    assert printed.endswith("125 4 375\n")


def state(till, operation):
    """Fresh records for one example, by the names of its variables."""
    card = f"C-{uuid.uuid4().hex[:12]}"
    receipt = f"R-{uuid.uuid4().hex[:12]}"
    mobile = f"+3519{uuid.uuid4().int % 10**8:08d}"
    made = enrolled(till, card_number=card, mobile=mobile, points=1000)
    other = enrolled(till, card_number=f"{card}-2")
    order_body = {"value": 2000, "currency": "EUR", "account": made["id"]}
    hold = {"capture": False, "redeem": {"points": 50}}
    to_hold = operation in ("capture_order", "void_order")
    order = till.post("/orders", {"id": f"{receipt}-0", **order_body, **(hold if to_hold else {})})
    redemption = till.post(
        "/redemptions",
        {"account": made["id"], "points": 100,
         "capture": operation not in ("capture_redemption", "void_redemption")},
    )  # fmt: skip
    quoted = {"account": made["id"], "order": {"value": 2000, "currency": "EUR"}}
    quote = till.post("/quotes", quoted, status=200)
    voucher = till.post("/vouchers", {"account": made["id"], "reward": "mug"})
    before = {"reopen_account": "close", "unfreeze_account": "freeze"}.get(operation)
    if before:
        till.post(f"/accounts/{made['id']}/{before}", status=200)
    household = household_of(till, made)
    if operation != "add_household_member":
        household = household_of(till, other, made)
    if operation == "reopen_household":
        till.post(f"/households/{household['id']}/close", status=200)
    request = till.post(
        "/transfers/check",
        {
            "from": {"account": made["id"]},
            "to": {"account": other["id"]},
            "points": 10,
            "issue_code": "transfer" in operation and operation != "check_transfer",
        },
        status=200,
    )
    if operation == "create_account":
        card = f"{card}-new"
    if operation == "resend_transfer_code":
        wait_a_minute(till.client.application)
    return {
        "PROGRAM": "corner",
        "ACCOUNT": made["id"],
        "OTHER": other["id"],
        "CUSTOMER": made["customer"],
        "REDEMPTION": redemption["id"],
        "QUOTE": quote["id"],
        "ORDER": order["id"],
        "RECEIPT": receipt,
        "CARD": card,
        "HOUSEHOLD": household["id"],
        "TRANSFER": request.get("transfer_request", ""),
        "CODE": last_code(till.client.application, mobile)
        if operation == "create_transfer"
        else "",
        "REWARD": "mug",
        "VOUCHER": voucher["code"],
    }


def test_every_curl_example_is_answered(page, shell, server, till):
    prelude = "new_key() { python3 -c 'import uuid; print(uuid.uuid4())'; }\n"
    assert prelude.split("(")[0] in steps(page, "sh")[0]
    script, variables = [prelude], {"HOST": f"{server}/api/v1", "KEY": till.key}
    for operation in operations:
        (line,) = page.select(f"#{operation.name} [data-example=sh]")
        for name, value in state(till, operation.name).items():
            script.append(f"{name}={value}")
        script.append(f"echo '== {operation.name}'; {line.text}; echo")
    printed = shell("\n".join(script), **variables)
    assert printed.count("== ") == len(operations)


def test_every_python_example_is_answered_as_its_own_example(page, server, till):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {till.key}"
    for operation in operations:
        (lines,) = page.select(f"#{operation.name} [data-example=python]")
        names = {name.lower(): value for name, value in state(till, operation.name).items()}
        known = {"host": f"{server}/api/v1", "till": session, "uuid": uuid, **names}
        exec(lines.text, known)
        answer = known["answer"]
        assert answer.status_code == operation.status, (operation.name, answer.text)
        expected = examples.ANSWERS[operation.name]
        if operation.name == "read_program":
            # It is answered as its file says it: all of it.
            assert set(expected) <= set(answer.json())
        else:
            differing = set(expected) ^ set(answer.json())
            assert differing <= {"expiring_point_deadlines"}, operation.name


def test_every_example_is_in_the_document_and_fits_its_schema():
    described = {
        one["operationId"]: one for path in document()["paths"].values() for one in path.values()
    }
    for operation in operations:
        told = described[operation.name]
        body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
        if operation.fields.fields and operation.writes:
            operation.fields.load(body["example"])
        success = told["responses"][str(int(operation.status))]["content"]["application/json"]
        assert not operation.answer(unknown="raise").validate(_known(operation, success["example"]))


def _known(operation, example):
    if operation.name in ("read_program", "list_programs"):
        return {name: value for name, value in example.items() if name != "unit"}
    return example
