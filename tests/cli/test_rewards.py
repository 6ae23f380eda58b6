"""``portal reward`` and ``portal voucher``, as an operator types them."""

import json
from datetime import timedelta
from io import BytesIO

import pytest
from click.testing import CliRunner
from PIL import Image
from sqlalchemy import update

from portal import clock, ledger, orm, rewards
from portal.cli import main
from portal.ledger import EventName, Facts
from portal.rewards.models import Voucher

PROGRAM = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
}
MUG = {"id": "mug", "program": "corner", "name": "Mug", "price": 500, "kind": "free_item"}


@pytest.fixture
def run(engine_url, monkeypatch, tmp_path):
    """Runs a command on a database with a program, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTAL_DATABASE_URL", engine_url)
    monkeypatch.delenv("PORTAL_ENV", raising=False)

    def invoke(*arguments):
        return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)

    write(tmp_path, PROGRAM)
    assert invoke("program", "apply", tmp_path / "file.json").exit_code == 0
    return invoke


def write(folder, document):
    path = folder / "file.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def apply(run, tmp_path):
    def applied(**changes):
        return run("reward", "apply", write(tmp_path, MUG | changes))

    return applied


@pytest.fixture
def member(session, run):
    """An account with 2,000 points."""
    at = clock.now()
    with orm.writing(session):
        account = ledger.open_account(session, program_id="corner", at=at).id
        ledger.earn(
            session,
            account_id=account,
            points=2000,
            expires_at=None,
            facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
            at=at,
        )
    return account


def issue(session, account, reward_id="mug"):
    with orm.writing(session):
        return rewards.issue(
            session, account_id=account, reward_id=reward_id, actor="test", at=clock.now()
        )


def test_a_reward_is_applied_and_applied_again_and_changed(apply):
    assert apply().stdout == "Mug (mug): created.\n"
    assert apply().stdout == "Mug (mug): nothing changed.\n"
    changed = apply(price=400, tiers=[])
    assert changed.stdout == "Mug (mug): changed, now version 2.\n  price: 500 → 400\n"


def test_its_picture_is_a_file_beside_it(apply, tmp_path, session):
    written = BytesIO()
    Image.new("RGB", (30, 20), "red").save(written, "PNG")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "mug.png").write_bytes(written.getvalue())
    assert apply(picture="pictures/mug.png").exit_code == 0
    digest = rewards.reward(session, "mug").picture
    assert rewards.picture(session, digest=digest).width == 30


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.png", "No such file"),
        ("../outside.png", "is not beside file.json"),
        ("/etc/hostname", "is not beside file.json"),
        ("link.png", "is not beside file.json"),
        (".", "cannot be read"),
        ("file.json", "must be a PNG, JPEG or WebP file"),
        ("huge.png", "larger than 5 MB"),
    ],
)
def test_another_file_is_not_read(apply, tmp_path, name, told):
    (tmp_path / "huge.png").write_bytes(b"\x00" * 6_000_000)
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    refused = apply(picture=name)
    assert refused.exit_code == 1
    assert told in refused.stderr
    assert refused.stderr.startswith("Error: picture: ")


def test_what_is_wrong_with_a_file_is_said_in_one_line(apply):
    refused = apply(price=0, colour="red")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: colour: There is no such field.; price: Must be at least 1.\n"
    )


def test_rewards_are_listed_with_what_became_of_them(run, apply, session, member):
    assert "no rewards yet" in run("reward", "list").stdout
    apply(stock=9)
    apply(id="old", name="Old", valid_to="2020-01-01")
    apply(id="new", name="New", valid_from="2999-01-01")
    apply(id="off", name="Off", active=False)
    apply(id="now", name="Now", valid_to="2999-01-01")
    issue(session, member)
    said = run("reward", "list").stdout.splitlines()
    rows = {line.split()[0]: line for line in said[1:]}
    assert rows["mug"].split() == ["mug", "corner", "Mug", "500", "points", "8", "1", "0", "0", "0"]
    for reward_id, told in (
        ("old", "over since 2020-01-01"),
        ("new", "from 2999-01-01"),
        ("off", "not offered"),
        ("now", "until 2999-01-01"),
    ):
        assert rows[reward_id].rstrip().endswith(told)
        assert "∞" in rows[reward_id]
    assert run("reward", "list", "--program", "corner").exit_code == 0
    assert run("reward", "list", "--program", "none").exit_code == 1


def test_a_voucher_is_shown_and_cancelled(run, apply, session, member):
    apply(kind="amount_off", value=500, stores=["baixa"])
    voucher = issue(session, member)
    said = run("voucher", "show", voucher.spoken_code.lower()).stdout
    assert said.startswith(f"{voucher.spoken_code}: Mug (€5 off), issued\n")
    assert "to be used through" in said
    assert "only in baixa" in said
    cancelled = run("voucher", "cancel", voucher.code)
    assert ", cancelled\n" in cancelled.stdout
    refused = run("voucher", "cancel", voucher.code)
    assert refused.exit_code == 1
    assert "was cancelled on" in refused.stderr
    assert ledger.position(session, account_id=member, at=clock.now()).balance == 2000
    session.rollback()
    assert run("voucher", "show", "1234").exit_code == 1


def test_a_used_voucher_says_where(run, apply, session, member):
    apply(kind="share_off", value="0.125")
    voucher = issue(session, member)
    with orm.writing(session):
        rewards.use(session, code=voucher.code, actor="till", store="baixa", at=clock.now())
    said = run("voucher", "show", voucher.code).stdout
    assert "Mug (12.5 % off), used" in said
    assert " in baixa\n" in said


def test_verify_compares_vouchers(run, apply, session, member):
    apply()
    voucher = issue(session, member)
    assert "vouchers agree" in run("ledger", "verify").stdout
    with orm.writing(session):
        session.execute(update(Voucher).values(points=1))
    found = run("ledger", "verify")
    assert found.exit_code == 1
    assert f"{voucher.id}: points is 1, but the book says 500" in found.stdout


def test_settle_reminds_of_what_lapses_soon(run, apply, session, member):
    apply(voucher_days=10)
    voucher = issue(session, member)
    soon = voucher.issued_at - timedelta(days=9)
    with orm.writing(session):
        session.execute(
            update(Voucher).values(issued_at=soon, expires_at=clock.now() + timedelta(days=1))
        )
    assert "1 voucher lapses soon." in run("settle").stdout
    assert "soon" not in run("settle").stdout
