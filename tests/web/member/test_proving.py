"""Who was away for a while shows that it is them before anything leaves their account."""

from datetime import timedelta

import pytest
from flask import request
from flask_wtf.csrf import generate_csrf
from sqlalchemy import select, update

from portal import orm
from portal.access.models import MemberSession
from portal.codes.models import OneTimeCode
from portal.members.models import Identifier
from portal.web.member import prove
from portal.web.policy import allow
from portal.web.policy import member as members_only

MOBILE = "+447400000001"
PAGE = (
    "<!doctype html><html lang=en><title>Spend</title><h1>Spend</h1>"
    "<p role=status id=status></p><form action=/spend method=post>"
    "<input type=hidden name=csrf_token value='{token}'>"
    "<input type=text aria-label=Gift name=gift value='{gift}'></form></html>"
)


@pytest.fixture
def app(app):
    """The application, with a page and a form for those who are fresh."""

    def look():
        kept = prove.typed() or {}
        return PAGE.format(token=generate_csrf(), gift=kept.get("gift", ""))

    def spend():
        return f"spent on {request.form['gift']}"

    app.add_url_rule("/spend", "spending", allow(members_only)(look))
    app.add_url_rule("/spend", "spend", allow(members_only)(prove.fresh(spend)), methods=["POST"])
    app.add_url_rule("/secret", "secret", allow(members_only)(prove.fresh(lambda: "secret")))
    return app


@pytest.fixture
def away(database):
    """``away(member)``: half an hour passes in which the member does nothing."""

    def pass_time(member):
        with orm.writing(database) as unit:
            for row in unit.scalars(
                select(MemberSession).where(MemberSession.customer_id == member.customer_id)
            ):
                row.fresh_until = row.created_at - timedelta(seconds=1)

    return pass_time


@pytest.fixture
def stale(member, away):
    """Ana, who was away for a while."""
    away(member)
    return member


FROM_THE_FORM = {"environ_overrides": {"HTTP_REFERER": "http://localhost/spend"}}


def sent(member):
    return [one for one in member.messages() if one["to"] == MOBILE]


def test_whoever_is_fresh_is_let_through(member):
    answer = member.post("/spend", {"gift": "a cup"}, on="/spend")
    assert answer.text == "spent on a cup"


def test_a_form_asks_for_a_code_and_comes_back_with_what_was_typed(stale):
    before = len(sent(stale))
    asked = stale.post("/spend", {"gift": "a cup"}, on="/spend", **FROM_THE_FORM)
    assert asked.location == "/prove"
    code = stale.code_for(MOBILE, after=before)
    shown = stale.get("/prove")
    assert shown.heading == "Show that it is you"
    assert "ending in …01" in shown.text
    assert "400000001" not in shown.text.replace(" ", "")
    field = shown.html.find("input", attrs={"name": "code"})
    assert (field["inputmode"], field["autocomplete"]) == ("numeric", "one-time-code")
    done = stale.post("/prove", {"code": f" {code[:3]} {code[3:]} "}, on=shown)
    assert done.location == "/spend"
    back = stale.get("/spend")
    assert back.html.find("input", attrs={"name": "gift"})["value"] == "a cup"
    # Once: the next look at the page is an empty one, and nothing was spent by itself.
    assert stale.get("/spend").html.find("input", attrs={"name": "gift"})["value"] == ""
    assert stale.post("/spend", {"gift": "a cup"}, on="/spend").text == "spent on a cup"


def test_a_page_asks_first_and_sends_nothing_until_it_is_told_to(stale):
    before = len(sent(stale))
    assert stale.get("/secret").location == "/prove"
    shown = stale.get("/prove")
    assert "Send me a code" in shown.text
    # Where they came from asks again at once: "not now" leads elsewhere.
    assert shown.html.find("a", string="Not now")["href"] == "/home"
    assert stale.post("/prove/send", on=shown).status == 200
    code = stale.code_for(MOBILE, after=before)
    assert stale.post("/prove", {"code": code}, on="/prove").location == "/secret"
    assert stale.get("/secret").text == "secret"


def test_htmx_is_led_to_the_page_of_the_code_and_back(stale):
    before = len(sent(stale))
    page = stale.get("/spend")
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/spend?a=1"}
    fields = page.form("/spend") | {"gift": "a cup"}
    asked = stale.client.post("/spend", data=fields, headers=headers)
    assert (asked.status_code, asked.headers["HX-Redirect"]) == (204, "/prove")
    wrong = stale.post("/prove", {"code": "12"}, on="/prove", htmx=True)
    assert wrong.status == 422
    assert wrong.response.headers["HX-Retarget"] == "#entering"
    assert "<html" not in wrong.response.text
    assert wrong.html.find(id="entering")["data-say"].startswith("A code is six digits")
    code = stale.code_for(MOBILE, after=before)
    done = stale.post("/prove", {"code": code}, on="/prove", htmx=True)
    assert done.response.headers["HX-Redirect"] == "/spend?a=1"
    assert stale.get("/spend?a=1").html.find("input", attrs={"name": "gift"})["value"] == "a cup"


def test_five_tries_and_then_a_new_code(stale):
    before = len(sent(stale))
    stale.get("/secret")
    stale.post("/prove/send", on="/prove")
    code = stale.code_for(MOBILE, after=before)
    wrong = "000000" if code != "000000" else "111111"
    for left in ("4 more times", "3 more times", "2 more times", "once more"):
        said = stale.post("/prove", {"code": wrong}, on="/prove")
        assert said.status == 422
        assert left in said.errors()[0]
    assert "too often" in stale.post("/prove", {"code": wrong}, on="/prove").errors()[0]
    assert "too often" in stale.post("/prove", {"code": code}, on="/prove").errors()[0]
    assert stale.get("/secret").location == "/prove"


def test_another_code_says_how_long_to_wait(stale):
    stale.get("/secret")
    stale.post("/prove/send", on="/prove")
    again = stale.post("/prove/send", on="/prove")
    assert again.status == 429
    assert int(again.response.headers["Retry-After"]) > 0
    assert "Try again in" in again.text
    waiting = stale.get("/prove/wait", htmx=True)
    assert "You can ask for a new code in" in waiting.text
    assert waiting.html.find(id="code-again")["hx-get"] == "/prove/wait"


def test_without_a_phone_or_an_email_there_is_nothing_to_send_to(stale, database):
    with orm.writing(database) as unit:
        unit.execute(update(Identifier).values(verified_at=None))
    assert stale.post("/spend", {"gift": "x"}, on="/spend", **FROM_THE_FORM).location == "/prove"
    told = stale.post("/prove/send", on="/prove")
    assert told.status == 422
    assert "no phone or e-mail" in told.text
    assert told.html.find("a", string="Not now")["href"] == "/spend"


def test_the_code_of_one_session_does_nothing_for_another(stale, app, later, away, database):
    later()
    other = type(stale)(app.test_client(), mobile=MOBILE, customer_id=stale.customer_id)
    other.sign_in(MOBILE, to=MOBILE)
    away(stale)
    before = len(sent(stale))
    stale.get("/secret")
    stale.post("/prove/send", on="/prove")
    code = stale.code_for(MOBILE, after=before)
    other.get("/secret")
    page = stale.get("/prove")
    token = other.get("/account").form("/sign-out")["csrf_token"]
    answer = other.client.post("/prove", data={"csrf_token": token, "code": code})
    assert answer.status_code == 422
    assert stale.post("/prove", {"code": code}, on=page).location == "/secret"
    assert other.get("/secret").location == "/prove"


@pytest.mark.parametrize(
    "elsewhere", ["http://evil.example/spend", "http://localhost//evil.example", "nonsense", ""]
)
def test_nobody_is_led_to_another_place(stale, elsewhere):
    overrides = {"HTTP_REFERER": elsewhere}
    stale.post("/spend", {"gift": "x"}, on="/spend", environ_overrides=overrides)
    code = stale.code_for(MOBILE, after=1)
    assert stale.post("/prove", {"code": code}, on="/prove").location == "/home"


def test_what_was_typed_is_nobody_elses(stale, app):
    stale.post("/spend", {"gift": "a cup"}, on="/spend", **FROM_THE_FORM)
    kept = stale.client.get_cookie("typed")
    assert kept is not None
    assert "cup" not in kept.value
    # On another page it stays; altered, it is forgotten.
    stale.client.set_cookie("typed", kept.value[:-6] + "AAAAA=")
    assert stale.get("/spend").html.find("input", attrs={"name": "gift"})["value"] == ""
    assert stale.client.get_cookie("typed") is None


def test_whoever_is_fresh_need_not_prove_it(member, database):
    assert member.get("/prove").location == "/home"
    assert member.get("/prove/wait").location == "/home"
    token = member.get("/account").form("/sign-out")["csrf_token"]
    for path in ("/prove", "/prove/send"):
        answer = member.client.post(path, data={"csrf_token": token})
        assert answer.location == "/home"
    assert database.scalar(select(OneTimeCode.id).where(OneTimeCode.purpose == "prove")) is None
