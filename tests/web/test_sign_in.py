"""Sign-in: a phone or e-mail, a code, home; and nothing to be learnt on the way."""

import pytest

from portal import clock, ledger, orm
from portal.access.models import MemberSession, SignIn
from portal.outbox.models import Message
from portal.web import operations

WRONG = "000000"


def other_code(code: str) -> str:
    """Six digits that are not these."""
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_sign_in_leads_home_with_a_pasted_code(make_member, later):
    member = make_member("Ana", "+447400000001")
    member.client.delete_cookie("session")
    later()
    begun = member.post("/sign-in", {"identifier": "07400 000 001"}, on="/sign-in")
    assert begun.status == 303
    shown = member.get("/sign-in/code")
    field = shown.html.find("input", attrs={"name": "code"})
    assert field["inputmode"] == "numeric"
    assert field["autocomplete"] == "one-time-code"
    assert "ending in …01" in shown.text
    assert "7400" not in shown.text
    code = member.code_for("+447400000001", after=1)
    done = member.post("/sign-in/code", {"code": f" {code[:3]} {code[3:]}\n"}, on=shown)
    assert (done.status, done.location) == (303, "/home")
    assert member.get("/home").status == 200


def test_sign_in_by_email_masks_it(visitor):
    visitor.post("/sign-in", {"identifier": "Ana.Silva@example.com"}, on="/sign-in")
    shown = visitor.get("/sign-in/code")
    assert "a…@e….com" in shown.text
    assert "silva" not in shown.text.lower()


def test_known_unknown_and_closed_get_the_same_answer(
    make_member, visitor, app, database, later, count
):
    known, closed = "+447400000001", "+447400000002"
    make_member("Ana", known)
    gone = make_member("Bo", closed)
    with orm.writing(database) as session:
        ledger.close(session, account_id=gone.accounts["corner"], at=clock.now())
    later()
    seen = []
    for number in (known, closed, "+447400000003"):
        browser = type(visitor)(app.test_client())
        page = browser.get("/sign-in")
        answer = browser.post("/sign-in", {"identifier": number}, on=page)
        headers = {
            name: value
            for name, value in answer.response.headers
            if name not in ("Set-Cookie", "X-Request-Id", "Date")
        }
        cookies = sorted(
            cookie.split("=")[0] + ";" + ";".join(cookie.split(";")[3:])
            for cookie in answer.response.headers.getlist("Set-Cookie")
        )
        shown = browser.get("/sign-in/code")
        wrong = browser.post("/sign-in/code", {"code": WRONG}, on=shown)
        seen.append(
            (
                answer.status,
                answer.response.data,
                headers,
                cookies,
                shown.status,
                shown.text.replace(f"…{number[-2:]}", "…"),
                wrong.status,
                wrong.errors(),
            )
        )
    assert seen[0] == seen[1] == seen[2]
    # A message stands in the outbox for each of them, one of them for nobody.
    assert count(Message) == 5


def test_wrong_code_keeps_the_page_and_counts_down(make_member, visitor):
    make_member("Ana", "+447400000001")
    visitor.post("/sign-in", {"identifier": "+447400000009"}, on="/sign-in")
    shown = visitor.get("/sign-in/code")
    for left in ("4 more times", "3 more times", "2 more times", "once more"):
        answer = visitor.post("/sign-in/code", {"code": WRONG}, on=shown)
        assert answer.status == 422
        assert answer.heading == "Type the code"
        assert left in answer.errors()[0]
    answer = visitor.post("/sign-in/code", {"code": WRONG}, on=shown)
    assert "Please ask for a new code" in answer.errors()[0]


def test_five_wrong_tries_kill_the_right_code(member, visitor, later):
    later()
    visitor.post("/sign-in", {"identifier": member.mobile}, on="/sign-in")
    right = visitor.code_for(member.mobile, after=1)
    shown = visitor.get("/sign-in/code")
    for _ in range(5):
        assert visitor.post("/sign-in/code", {"code": other_code(right)}, on=shown).status == 422
    assert visitor.post("/sign-in/code", {"code": right}, on=shown).status == 422
    assert visitor.get("/home").status == 303


@pytest.mark.parametrize(
    "typed", ["", "12345", "abcdef", "1234567", "１２３", "0" * 500, "12\x0034"]
)
def test_code_that_is_none_is_refused_without_a_try(visitor, typed):
    visitor.post("/sign-in", {"identifier": "+447400000009"}, on="/sign-in")
    shown = visitor.get("/sign-in/code")
    answer = visitor.post("/sign-in/code", {"code": typed}, on=shown)
    assert answer.status in (400, 422)
    again = visitor.post("/sign-in/code", {"code": WRONG}, on=shown)
    assert "4 more times" in again.errors()[0]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Type your phone number or e-mail."),
        ("   ", "Type your phone number or e-mail."),
        ("hello", "not a phone number"),
        ("12", "not a phone number"),
        ("a@", "not an e-mail"),
        ("a@b@c.de", "not an e-mail"),
        ("9" * 300, "too long"),
        ("\u202e+447400000001", ""),
        ("ana\r\nBcc: x@example.com", ""),
    ],
)
def test_address_that_is_none_is_refused_beside_its_field(visitor, typed, said):
    answer = visitor.post("/sign-in", {"identifier": typed}, on="/sign-in")
    assert answer.status == 422, answer.text
    assert said in " ".join(answer.errors())
    shown = answer.html.find("input", attrs={"name": "identifier"})
    assert shown["aria-invalid"] == "true"
    assert shown.get("value", "").strip() == typed.strip()


def test_double_click_sends_one_code(visitor, count):
    page = visitor.get("/sign-in")
    first = visitor.post("/sign-in", {"identifier": "+447400000009"}, on=page)
    again = visitor.post("/sign-in", {"identifier": "+447400000009"}, on=page)
    assert first.location == again.location == "/sign-in/code"
    assert count(SignIn) == 1
    # Back, another number, sent again from the same page: that is another wish.
    other = visitor.post("/sign-in", {"identifier": "+447400000008"}, on=page)
    assert other.location == "/sign-in/code"
    assert "…08" in visitor.get("/sign-in/code").text


def test_asking_again_at_once_says_how_long_to_wait(visitor):
    visitor.post("/sign-in", {"identifier": "+447400000009"}, on="/sign-in")
    shown = visitor.get("/sign-in/code")
    assert "You can ask for a new code in" in shown.text
    again = visitor.post("/sign-in/code/again", on=shown)
    assert again.status == 429
    assert int(again.response.headers["Retry-After"]) > 0
    assert "seconds" in again.text
    fresh = visitor.post("/sign-in", {"identifier": "+447400000009"}, on="/sign-in")
    assert fresh.status == 429
    assert fresh.html.find("input", attrs={"name": "identifier"})["value"] == "+447400000009"


def test_new_code_replaces_the_one_before(member, visitor, later):
    later()
    visitor.post("/sign-in", {"identifier": member.mobile}, on="/sign-in")
    first = visitor.code_for(member.mobile, after=1)
    later()
    shown = visitor.get("/sign-in/code")
    assert "You can ask for a new code in" not in shown.text
    sent = visitor.post("/sign-in/code/again", on=shown)
    assert sent.status == 200
    assert "We sent you a new code" in sent.text
    second = visitor.code_for(member.mobile, after=2)
    if first != second:
        assert visitor.post("/sign-in/code", {"code": first}, on=sent).status == 422
    assert visitor.post("/sign-in/code", {"code": second}, on=sent).location == "/home"


def test_code_page_without_a_sign_in_starts_again(visitor):
    answer = visitor.get("/sign-in/code")
    assert answer.location == "/sign-in"
    assert "Please start again" in visitor.get("/sign-in").text
    visitor.client.set_cookie("sign-in", "x" * 43)
    assert visitor.get("/sign-in/code").location == "/sign-in"
    visitor.client.set_cookie("sign-in", "x" * 4000)
    assert visitor.get("/sign-in/code").location == "/sign-in"


def test_code_of_one_browser_is_no_use_in_another(member, visitor, app, later):
    later()
    visitor.post("/sign-in", {"identifier": member.mobile}, on="/sign-in")
    code = visitor.code_for(member.mobile, after=1)
    thief = type(visitor)(app.test_client())
    thief.post("/sign-in", {"identifier": "+447400000009"}, on="/sign-in")
    shown = thief.get("/sign-in/code")
    assert thief.post("/sign-in/code", {"code": code}, on=shown).status == 422


def test_second_click_on_continue_is_let_in_too(visitor, member, later):
    later()
    visitor.post("/sign-in", {"identifier": member.mobile}, on="/sign-in")
    code = visitor.code_for(member.mobile, after=1)
    shown = visitor.get("/sign-in/code")
    pending = visitor.client.get_cookie("sign-in").value
    assert visitor.post("/sign-in/code", {"code": code}, on=shown).location == "/home"
    token = visitor.get("/account").form("/sign-out")["csrf_token"]
    visitor.client.set_cookie("sign-in", pending)
    again = visitor.client.post("/sign-in/code", data={"csrf_token": token, "code": code})
    assert again.location == "/home"


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/history?kind=debit", "/history?kind=debit"),
        ("https://evil.example/", "/home"),
        ("//evil.example/", "/home"),
        ("/\\evil.example", "/home"),
        ("\\\\evil.example", "/home"),
        ("/\t/evil.example", "/home"),
        ("javascript:alert(1)", "/home"),
        ("http:evil.example", "/home"),
        ("", "/home"),
    ],
)
def test_only_pages_of_ours_are_gone_back_to(make_member, wanted, leads_to, later):
    member = make_member("Ana", "+447400000001")
    assert member.get("/sign-in", query_string={"next": wanted}).location == leads_to
    member.client.delete_cookie("session")
    later()
    page = member.get("/sign-in", query_string={"next": wanted})
    member.post("/sign-in", {"identifier": member.mobile}, on=page)
    code = member.code_for(member.mobile, after=1)
    done = member.post("/sign-in/code", {"code": code}, on="/sign-in/code")
    assert done.location == leads_to


def test_signing_in_makes_a_new_session_and_ends_the_one_before(member, later, count):
    before = member.client.get_cookie("session").value
    later()
    member.client.delete_cookie("session")
    member.get("/sign-in")
    member.client.set_cookie("session", before)
    page = member.get("/account")
    token = page.form("/sign-out")["csrf_token"]
    with member.client.application.test_request_context():
        operation = operations.new_id()
    member.client.post(
        "/sign-in",
        data={"csrf_token": token, "operation": operation, "identifier": member.mobile},
    )
    code = member.code_for(member.mobile, after=1)
    done = member.client.post("/sign-in/code", data={"csrf_token": token, "code": code})
    assert done.location == "/home"
    assert member.client.get_cookie("session").value != before
    assert count(MemberSession, MemberSession.ended_at.is_(None)) == 1


def test_sign_out_ends_the_session_in_the_database(member, visitor):
    token = member.client.get_cookie("session").value
    out = member.post("/sign-out", on="/account")
    assert out.location == "/sign-in"
    assert "You are signed out" in member.get("/sign-in").text
    assert member.client.get_cookie("session") is None
    visitor.client.set_cookie("session", token)
    assert visitor.get("/home").status == 303


def test_session_cookie_is_pinned_down(member, visitor):
    cookie = member.client.get_cookie("session")
    assert cookie.http_only
    assert cookie.path == "/"
    assert cookie.same_site == "Lax"
    assert cookie.domain == "localhost"
    assert len(cookie.value) >= 43
    assert member.client.get_cookie("remember_token") is None


def test_htmx_gets_fragments_and_is_sent_on(visitor):
    page = visitor.get("/sign-in")
    refused = visitor.post("/sign-in", {"identifier": "x"}, on=page, htmx=True)
    assert refused.status == 422
    assert "<html" not in refused.response.text
    assert refused.response.headers["HX-Retarget"] == "#entering"
    assert refused.html.find(id="entering")
    assert refused.html.find(attrs={"data-focus": True}), "nothing takes the focus"
    begun = visitor.post("/sign-in", {"identifier": "+447400000009"}, on=page, htmx=True)
    assert begun.status == 204
    assert begun.response.headers["HX-Redirect"] == "/sign-in/code"
    waiting = visitor.get("/sign-in/code/wait", htmx=True)
    assert waiting.html.find(id="code-again")
    assert "<html" not in waiting.response.text
    boosted = visitor.client.get(
        "/sign-in/code/wait", headers={"HX-Request": "true", "HX-Boosted": "true"}
    )
    assert "<html" in boosted.text
    restored = visitor.client.get(
        "/sign-in/code/wait", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<html" in restored.text


def test_forms_without_their_token_are_refused(visitor, count):
    answer = visitor.client.post("/sign-in", data={"identifier": "+447400000009"})
    assert answer.status_code == 400
    assert count(SignIn) == 0
