"""Joining: name, phone or e-mail, terms, a code; and nobody is a member before the code."""

import pytest
from sqlalchemy import select

from portal import clock, orm, programs
from portal.ledger.models import Account
from portal.members.models import Customer, Enrolment, Identifier

NEW = "+447400000007"


def ask(visitor, **changed):
    fields = {"first_name": "Ana", "last_name": "Silva", "identifier": NEW, "terms": "y"} | changed
    sent = {name: value for name, value in fields.items() if value is not None}
    return visitor.post("/join/corner", sent, on="/join/corner")


def finish(visitor, *, to=NEW):
    return visitor.post("/sign-in/code", {"code": visitor.code_for(to)}, on="/sign-in/code")


def test_joining_leads_home_with_a_welcome(visitor, database):
    assert visitor.get("/join").location == "/join/corner"
    assert ask(visitor).location == "/sign-in/code"
    assert finish(visitor).location == "/home"
    home = visitor.get("/home")
    assert "Welcome to Corner Points!" in home.text
    assert "50" in home.text
    customer = database.scalars(select(Customer)).one()
    assert (customer.first_name, customer.last_name) == ("Ana", "Silva")
    enrolment = database.scalars(select(Enrolment)).one()
    assert enrolment.channel == "self"
    assert enrolment.terms_url == "https://example.com/terms"
    assert enrolment.terms_accepted_at is not None
    assert database.scalars(select(Account)).one().enrolled_at is not None


def test_nobody_is_a_member_before_the_code(visitor, count):
    ask(visitor)
    assert count(Customer) == count(Account) == count(Identifier) == 0


def test_sent_twice_it_joins_once(visitor, count):
    page = visitor.get("/join/corner")
    fields = {"first_name": "Ana", "identifier": NEW, "terms": "y"}
    for _ in range(2):
        answer = visitor.post("/join/corner", fields, on=page)
        assert answer.location == "/sign-in/code"
    shown = visitor.get("/sign-in/code")
    code = visitor.code_for(NEW)
    visitor.post("/sign-in/code", {"code": code}, on=shown)
    assert visitor.client.post("/sign-in/code", data={"code": code}).status_code in (303, 400)
    assert count(Customer) == count(Account) == 1
    assert len(visitor.messages()) == 1


def test_member_of_the_program_is_signed_in_and_keeps_their_name(member, visitor, count, later):
    later()
    ask(visitor, first_name="Mallory", identifier=member.mobile)
    done = visitor.post(
        "/sign-in/code", {"code": visitor.code_for(member.mobile, after=1)}, on="/sign-in/code"
    )
    assert done.location == "/home"
    assert "You are a member of Corner Points already." in visitor.get("/home").text
    assert count(Customer) == 1
    assert count(Customer, Customer.first_name == "Ana") == 1
    assert count(Account) == 2


def test_known_and_unknown_get_the_same_answer(member, visitor, app, later):
    later()
    answers = []
    for number in (member.mobile, NEW):
        browser = type(visitor)(app.test_client())
        answer = ask(browser, identifier=number)
        shown = browser.get("/sign-in/code")
        answers.append((answer.status, answer.location, shown.text.replace(number[-2:], "")))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"first_name": ""}, "Type your first name."),
        ({"first_name": "   "}, "Type your first name."),
        ({"first_name": "x" * 121}, "at most 120"),
        ({"last_name": "x" * 5000}, "at most 120"),
        ({"first_name": "A\x07na"}, "control characters"),
        ({"identifier": ""}, "Type your phone number or e-mail."),
        ({"identifier": "1"}, "not a phone number"),
        ({"identifier": "ana@"}, "not an e-mail"),
        ({"terms": None}, "Accept the terms to join."),
        ({"terms": "false"}, "Accept the terms to join."),
    ],
)
def test_wrong_field_is_named_and_the_rest_kept(visitor, count, changed, said):
    answer = ask(visitor, **changed)
    assert answer.status == 422
    assert said in " ".join(answer.errors())
    for name, value in {"first_name": "Ana", "last_name": "Silva", "identifier": NEW}.items():
        if name not in changed:
            assert answer.html.find("input", attrs={"name": name})["value"] == value
    assert visitor.messages() == []
    assert count(Customer) == 0


def test_bytes_that_no_name_has_are_refused(visitor):
    assert ask(visitor, first_name="A\0na").status == 400


def test_altered_operation_is_refused(visitor, count):
    answer = ask(visitor, operation="made-up.0123456789abcdef")
    assert answer.status == 422
    assert "out of date" in answer.text
    assert count(Customer) == 0


def test_program_that_takes_nobody_is_no_page(visitor):
    for path in ("/join/bistro", "/join/nothing", "/join/" + "x" * 300, "/join/%00"):
        assert visitor.client.get(path).status_code in (400, 404), path
    page = visitor.get("/join/corner")
    fields = page.form("/join/corner") | {"first_name": "Ana", "identifier": NEW, "terms": "y"}
    assert visitor.client.post("/join/bistro", data=fields).status_code == 404


def test_several_programs_are_a_choice(visitor, database):
    with orm.writing(database) as session:
        club = {"id": "club", "name": "Club", "currency": "PTS", "self_enrol": True}
        programs.apply(session, document=club, actor="test", at=clock.now())
    shown = visitor.get("/join")
    assert {link["href"] for link in shown.html.select(".stack a")} == {
        "/join/corner",
        "/join/club",
    }
    without_terms = visitor.get("/join/club")
    assert without_terms.html.find("input", attrs={"name": "terms"}) is None


def test_welcome_names_what_can_be_joined(visitor, member):
    shown = visitor.get("/")
    assert shown.html.find("a", href="/join/corner")
    assert not shown.html.find("a", href="/join/bistro")
    assert shown.html.find("a", href="/sign-in")
    assert member.get("/").location == "/home"
