"""Households: made, joined, led, left; shown to those who are in them and to nobody else."""

import re
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from portal import clock, ledger, orm
from portal.access.models import MemberSession
from portal.codes.models import OneTimeCode
from portal.ledger import EventName, Facts
from portal.ledger.models import Account
from portal.members import households
from portal.members.models import Household
from portal.web.extensions import db

ANA, BO = "+447400000001", "+447400000002"


@pytest.fixture
def bo(make_member):
    return make_member("Boris", BO)


@pytest.fixture
def family(member):
    """Ana's household; its address."""
    made = member.post("/households/new", {"name": "Family"}, on="/households/new")
    assert re.fullmatch(r"/households/hh_\w+", made.location), made.text
    return made.location


@pytest.fixture
def joined(member, bo, family):
    """The same with Boris in it."""
    invite(member, family)
    assert bo.post(f"{family}/accept", on=family).location == family
    return family


@pytest.fixture
def fill(database):
    """``fill(family, 300)``: points in the household's account."""

    def earn(family, points):
        at = clock.now()
        account = database.scalars(
            select(Account.id).where(Account.household_id == family.rsplit("/", 1)[1])
        ).one()
        with orm.writing(database) as unit:
            ledger.earn(
                unit,
                account_id=account,
                points=points,
                expires_at=at + timedelta(days=300),
                facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
                at=at,
            )
        return account

    return earn


def invite(member, family, identifier=BO, **more):
    return member.post(f"{family}/invite", {"identifier": identifier}, on=family, **more)


def acts(page, name):
    """The forms of this act on the page."""
    return [form["action"] for form in page.html.find_all("form", action=re.compile(f"/{name}$"))]


def test_a_household_is_made_once(member, count):
    page = member.get("/households/new")
    first = member.post("/households/new", {"name": "Family"}, on=page)
    second = member.post("/households/new", {"name": "Family"}, on=page)
    assert first.location == second.location
    assert count(Household) == 1
    shown = member.get(first.location)
    assert shown.heading == "Family"
    assert "Together you have 0 points" in shown.text
    assert "Ana You Primary" in shown.text
    assert "Family" in member.get("/households").text


def test_a_household_needs_a_name(member, count):
    for name in ("", "   ", "x" * 121):
        answer = member.post("/households/new", {"name": name}, on="/households/new")
        assert answer.status == 422
        assert answer.errors()
    assert count(Household) == 0


def test_the_invited_accepts_or_declines(member, bo, family):
    sent = invite(member, family)
    assert sent.location == family
    assert "Invited" in member.get(family).text
    assert "Bo…" in member.get(family).text
    assert "Boris" not in member.get(family).response.text
    assert any("invites you to a household" in one["body"] for one in bo.messages())
    assert "Ana invites you" in bo.get("/households").text
    page = bo.get(family)
    assert "Ana invites you to this household." in page.text
    # Before they are in it, they see nothing of what it holds.
    assert "Together you have" not in page.text
    assert bo.get(f"{family}/history").status == 404
    assert bo.post(f"{family}/decline", on=page).location == "/households"
    assert bo.get(family).status == 404
    invite(member, family)
    page = bo.get(family)
    assert bo.post(f"{family}/accept", on=page).location == family
    assert bo.post(f"{family}/accept", on=page).location == family
    assert "Boris You" in bo.get(family).text
    assert "Boris" in member.get(family).text


def test_strangers_find_nothing(member, joined, make_member):
    eve = make_member("Eve", "+447400000003")
    token = eve.get("/account").form("/sign-out")["csrf_token"]
    person = acts(member.get(joined), "remove")[0].split("/")[-2]
    for path in ("", "/history", "/history.csv"):
        assert eve.get(joined + path).status == 404
    for act in (
        "accept",
        "decline",
        "invite",
        "default",
        "rename",
        "leave",
        "close",
        *(f"people/{person}/{one}" for one in ("allow", "remove", "withdraw", "hand-over")),
    ):
        data = {"csrf_token": token, "name": "Mine", "identifier": BO}
        assert eve.client.post(f"{joined}/{act}", data=data).status_code == 404, act


def test_nothing_of_a_page_is_anybodys_id(member, bo, joined):
    shown = member.get(joined).response.text
    for secret in (member.customer_id, bo.customer_id, "400000002"):
        assert secret not in shown


def test_only_the_primary_member_leads(member, bo, joined):
    page = bo.get(joined)
    for act in ("remove", "allow", "hand-over", "withdraw", "rename", "close", "invite"):
        assert acts(page, act) == []
    token = page.form(f"{joined}/leave")["csrf_token"]
    person = acts(member.get(joined), "remove")[0].split("/")[-2]
    for act in ("close", "rename", f"people/{person}/allow", f"people/{person}/hand-over"):
        data = {"csrf_token": token, "name": "Mine", "may_send": "yes"}
        answer = bo.client.post(f"{joined}/{act}", data=data)
        assert answer.status_code == 403, act
        assert "Only the primary member" in answer.get_data(as_text=True)


def test_invitations_cost_what_looking_for_somebody_costs(member, family):
    unknown = invite(member, family, "+447400000098")
    assert unknown.status == 422
    assert "We cannot invite anybody by this" in unknown.errors()[0]
    assert unknown.html.find(id="identifier")["value"] == "+447400000098"
    assert "This is you" in invite(member, family, ANA).errors()[0]
    assert invite(member, family, "nonsense").status == 422
    assert invite(member, family, "").errors()
    for number in range(5):
        invite(member, family, f"+44740000008{number}")
    assert "You looked for many people" in invite(member, family).errors()[0]


def test_invited_twice_is_said(member, bo, family):
    page = member.get(family)
    first = member.post(f"{family}/invite", {"identifier": BO}, on=page)
    again = member.post(f"{family}/invite", {"identifier": BO}, on=page)
    assert first.location == again.location == family
    assert "They are invited already" in invite(member, family).errors()[0]
    withdraw = acts(member.get(family), "withdraw")[0]
    assert member.post(withdraw, on=family).location == family
    assert bo.get(family).status == 404


def test_who_may_send_is_the_primarys_choice(member, bo, joined, fill):
    fill(joined, 300)
    assert "Send from it" not in bo.get(joined).text
    assert "Family" not in bo.get("/send").text
    allow = acts(member.get(joined), "allow")[0]
    part = member.post(allow, on=joined, htmx=True)
    assert part.status == 200
    assert "<html" not in part.response.text
    assert "They may send" in part.html.find(id="household")["data-say"]
    assert "Send from it" in bo.get(joined).text
    assert "Family 300 points" in bo.get("/send").text


def test_sending_from_and_to_a_household(member, bo, joined, fill, app):
    account = fill(joined, 300)
    household_id = joined.rsplit("/", 1)[1]
    member.post(acts(member.get(joined), "allow")[0], on=joined)
    page = bo.get(f"/send?source={household_id}")
    action = page.html.find("form", class_="send-form")["action"]
    fields = {"recipient": ANA, "amount": "120", "source": household_id, "to": ""}
    review = bo.post(action, fields, on=page).location
    shown = bo.get(review)
    assert "From Family" in shown.text
    assert "What remains 180 points" in shown.text
    before = len([one for one in bo.messages() if one["to"] == BO])
    bo.post(f"{review}/send-code", on=review)
    code = bo.code_for(BO, after=before)
    receipt = bo.post(f"{review}/code", {"code": code}, on=f"{review}/code").location
    assert "From Family" in bo.get(receipt).text
    # Both read it in the household's history, down to its story and receipt.
    for reader in (bo, member):
        history = reader.get(f"{joined}/history")
        assert "Sent 120 points" in history.text
        story = history.html.find("a", href=re.compile("^/history/ptx_"))["href"]
        told = reader.get(story)
        assert "Sent 120 points" in told.text
        assert told.html.find("a", href=receipt)
    assert "Another member" in member.get(story).text
    assert "Sent 120 points" in bo.get(f"{joined}/history.csv").response.text
    # And back into it, by the button of its page.
    into = member.get(joined).html.find("a", href=re.compile(r"^/send\?to="))["href"]
    assert account not in into
    page = member.get(into)
    assert "Family" in page.text
    chosen = page.html.find("input", attrs={"name": "to", "checked": True})["value"]
    action = page.html.find("form", class_="send-form")["action"]
    review = member.post(
        action, {"to": chosen, "amount": "30", "source": "", "recipient": ""}, on=page
    ).location
    before = len([one for one in member.messages() if one["to"] == ANA])
    member.post(f"{review}/send-code", on=review)
    code = member.code_for(ANA, after=before)
    member.post(f"{review}/code", {"code": code}, on=f"{review}/code")
    shares = member.get(joined)
    assert "Ana 30 points 30 sent" in shares.text
    assert shares.html.find("progress", attrs={"value": "100"})


def test_a_purse_that_is_not_theirs_is_not_sent_from(member, bo, joined, fill):
    fill(joined, 300)
    household_id = joined.rsplit("/", 1)[1]
    # Boris may not send from it: a changed field leaves him with his own points.
    page = bo.get("/send")
    action = page.html.find("form", class_="send-form")["action"]
    fields = {"recipient": ANA, "amount": "120", "source": household_id, "to": ""}
    answer = bo.post(action, fields, on=page)
    assert answer.status == 422
    assert "You can send at most 50 points" in answer.text


def test_whom_ones_purchases_earn_for(member, bo, joined, database):
    household_id = joined.rsplit("/", 1)[1]
    assert "Your purchases earn for this household." in bo.get(joined).text
    bo.post(f"{joined}/default", on=joined)
    database.rollback()
    assert households.default_household_id(database, customer_id=bo.customer_id) is None
    bo.post(f"{joined}/default", on=joined)
    database.rollback()
    assert households.default_household_id(database, customer_id=bo.customer_id) == household_id


def stale(database):
    """Everybody was away for a while."""
    with orm.writing(database) as unit:
        for row in unit.scalars(select(MemberSession)):
            row.fresh_until = row.created_at - timedelta(seconds=1)
        for code in unit.scalars(select(OneTimeCode)):
            code.created_at -= timedelta(minutes=2)


def test_inviting_and_allowing_ask_for_a_code_first(member, bo, joined, database):
    allow = acts(member.get(joined), "allow")[0]
    page = member.get(joined)
    stale(database)
    assert member.post(allow, {"may_send": "yes"}, on=page).location == "/prove"
    assert invite(member, joined, "+447400000098").location == "/prove"
    assert "Send from it" not in bo.get(joined).text
    # Taking it away is not held up.
    assert member.post(allow, {"may_send": "no"}, on=page).location == joined


def test_the_primary_member_is_told_whom_they_let_send(member, bo, joined):
    def told():
        return [one["to"] for one in member.messages() if "You allowed a member" in one["body"]]

    member.post(acts(member.get(joined), "allow")[0], on=joined)
    # Messages go out behind the page.
    for _ in range(100):
        if told():
            break
        time.sleep(0.05)
    assert told() == [ANA]


def test_who_froze_their_own_does_not_send_from_the_household(member, bo, joined, fill):
    fill(joined, 300)
    page = member.get("/account/freeze")
    assert "Nor can you send or spend for a household" in page.text
    household_id = joined.rsplit("/", 1)[1]
    page = member.get(f"/send?source={household_id}")
    action = page.html.find("form", class_="send-form")["action"]
    member.post("/account/freeze", on="/account/freeze")
    fields = {"recipient": BO, "amount": "120", "source": household_id, "to": ""}
    answer = member.post(action, fields, on=page)
    assert answer.status == 422
    assert "Your own account is frozen" in answer.text


def test_handing_over_asks_for_a_code_first(member, bo, joined, database):
    hand_over = acts(member.get(joined), "hand-over")[0]
    page = member.get(joined)
    stale(database)
    before = len([one for one in member.messages() if one["to"] == ANA])
    referer = {"HTTP_REFERER": f"http://localhost{joined}"}
    assert member.post(hand_over, on=page, environ_overrides=referer).location == "/prove"
    code = member.code_for(ANA, after=before)
    assert member.post("/prove", {"code": code}, on="/prove").location == joined
    assert "Boris Primary" not in member.get(joined).text
    assert member.post(hand_over, on=joined).location == joined
    assert "Boris Primary" in member.get(joined).text
    assert acts(member.get(joined), "hand-over") == []


def test_leaving_and_being_taken_out(member, bo, joined):
    page = bo.get(joined)
    assert bo.post(f"{joined}/leave", on=page).location == "/households"
    assert bo.get(joined).status == 404
    assert "Boris" not in member.get(joined).text
    invite(member, joined)
    bo.post(f"{joined}/accept", on=joined)
    remove = acts(member.get(joined), "remove")[0]
    assert member.post(remove, on=joined).location == joined
    assert bo.get(joined).status == 404
    # The same again: whoever is no longer there is not found.
    token = member.get(joined).form(f"{joined}/close")["csrf_token"]
    assert member.client.post(remove, data={"csrf_token": token}).status_code == 404


def test_the_primary_member_cannot_simply_leave(member, joined):
    token = member.get(joined).form(f"{joined}/close")["csrf_token"]
    answer = member.client.post(f"{joined}/leave", data={"csrf_token": token})
    assert answer.status_code == 409
    assert "Make someone else the primary member first" in answer.get_data(as_text=True)


def test_closing_needs_an_empty_purse(member, joined, fill):
    fill(joined, 10)
    refused = member.post(f"{joined}/close", on=joined)
    assert refused.status == 409
    assert "There is still something in it" in refused.text
    assert member.get(joined).status == 200


def test_an_empty_one_is_closed(member, bo, joined):
    assert member.post(f"{joined}/close", on=joined).location == "/households"
    assert "is closed" in member.get("/households").text
    for who in (member, bo):
        assert who.get(joined).status == 404


def test_renaming(member, joined):
    assert member.post(f"{joined}/rename", {"name": "Clan"}, on=joined).location == joined
    assert member.get(joined).heading == "Clan"
    wrong = member.post(f"{joined}/rename", {"name": ""}, on=joined)
    assert wrong.status == 422
    assert wrong.errors()


@pytest.mark.parametrize("path", ["", "/history"])
def test_pages_of_a_household_ask_a_fixed_number_of_questions(member, joined, fill, app, path):
    fill(joined, 300)
    statements = []
    with app.app_context():
        engine = db.engine

    def note(_connection, _cursor, statement, *_rest):
        if threading.current_thread() is threading.main_thread() and not statement.startswith(
            ("BEGIN", "PRAGMA", "UPDATE", "SET")
        ):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    assert member.get(joined + path).status == 200
    event.remove(engine, "before_cursor_execute", note)
    assert len(statements) <= 8, "\n".join(statements)
