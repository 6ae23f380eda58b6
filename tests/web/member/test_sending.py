"""Sending points in four screens: reload, back, double click and other people's requests."""

import re
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from portal import clock, ledger, orm, programs
from portal.codes.models import Budget, OneTimeCode
from portal.ledger import EventName, Facts
from portal.members.models import Customer, Identifier
from portal.transfers.models import Transfer, TransferRequest
from portal.web.extensions import db
from portal.web.member import amounts, recipients

ANA, BO = "+447400000001", "+447400000002"


@pytest.fixture
def give(database):
    """``give(member, 500)``: points, for a year."""

    def earn(member, points, program="corner"):
        at = clock.now()
        with orm.writing(database) as unit:
            ledger.earn(
                unit,
                account_id=member.accounts[program],
                points=points,
                expires_at=at + timedelta(days=365),
                facts=Facts(name=EventName.TRANSACTION_ADD, actor="test"),
                at=at,
            )

    return earn


@pytest.fixture
def ana(member, give):
    """Ana with 550 points: 50 for joining, and 500."""
    give(member, 500)
    return member


@pytest.fixture
def bo(make_member):
    return make_member("Boris", BO)


@pytest.fixture
def balance(database):
    def of(member, program="corner"):
        database.rollback()
        return ledger.position(
            database, account_id=member.accounts[program], at=clock.now()
        ).balance

    return of


def sent_to(member, to):
    return [one for one in member.messages() if one["to"] == to]


def is_told(member, to, words):
    """Whether a message with these words arrives."""
    for _ in range(100):
        if any(words in one["body"] for one in sent_to(member, to)):
            return True
        time.sleep(0.05)
    return False


def fill(member, *, on="/send", htmx=False, **fields):
    """Send the first screen."""
    page = member.get(on) if isinstance(on, str) else on
    action = page.html.find("form", class_="send-form")["action"]
    said = {"recipient": BO, "amount": "100", "source": "", "to": ""} | fields
    return member.post(action, said, on=page, htmx=htmx)


def ask(member, **fields):
    """Fill in the first screen; the address of the review."""
    answer = fill(member, **fields)
    assert answer.status == 303, answer.text
    assert answer.location.startswith("/send/trq_")
    return answer.location


def code_of(member, review):
    """Ask for the code and read it."""
    before = len(sent_to(member, member.mobile))
    answer = member.post(f"{review}/send-code", on=review)
    assert answer.location == f"{review}/code", answer.text
    return member.code_for(member.mobile, after=before)


def send(member, **fields):
    """All four screens; the address of the receipt."""
    review = ask(member, **fields)
    code = code_of(member, review)
    done = member.post(f"{review}/code", {"code": code}, on=f"{review}/code")
    assert done.location.startswith("/transfers/trf_"), done.text
    return done.location


def test_from_the_form_to_the_receipt(ana, bo, balance):
    review = ask(ana, note="For the tickets")
    shown = ana.get(review)
    assert shown.heading == "Is this right?"
    assert "100 points to Bo… (…02)" in shown.text
    assert "You keep 450 points" in shown.text
    assert "For the tickets" in shown.text
    assert "It can be used" in shown.text or "All of it can be used through" in shown.text
    assert "It costs nothing" in shown.text
    code = code_of(ana, review)
    said = sent_to(ana, ANA)[0]["body"]
    assert "to send 100 points to Bo… (…02)" in said
    page = ana.get(f"{review}/code")
    assert "ending in …01" in page.text
    assert balance(ana) == 550
    done = ana.post(f"{review}/code", {"code": f"{code[:3]} {code[3:]}"}, on=page)
    receipt = ana.get(done.location)
    assert receipt.heading == "You sent 100 points"
    assert "To Bo… (…02)" in receipt.text
    assert "For the tickets" in receipt.text
    assert "Corner Points 100 points 450 points" in receipt.text
    assert (balance(ana), balance(bo)) == (450, 150)
    # Both are told.
    assert is_told(ana, ANA, "100 points were sent")
    assert is_told(bo, BO, "You were sent 100 points by An…")
    for page in (shown, receipt, ana.get("/transfers")):
        assert "400000002" not in page.response.text.replace(" ", "")
        assert bo.customer_id not in page.response.text
        assert "Boris" not in page.response.text


def test_both_see_it_in_their_lists_and_from_their_history(ana, bo):
    receipt = send(ana)
    shown = ana.get(receipt)
    link = shown.html.find("a", string=re.compile("See it in the history"))
    link = link or shown.html.find("a", href=re.compile("^/history/ptx_"))
    story = ana.get(link["href"])
    assert "Sent 100 points" in story.text
    assert story.html.find("a", href=receipt)
    listed = ana.get("/transfers")
    assert "To Bo… (…02)" in listed.text
    assert "−100" in listed.text
    theirs = bo.get("/transfers")
    assert "From An… (…01)" in theirs.text
    assert "+100" in theirs.text
    assert "100 points came in" in bo.get(receipt).heading
    assert "An…" in bo.get(receipt).text


def test_somebody_elses_receipt_does_not_exist(ana, bo, make_member):
    receipt = send(ana)
    eve = make_member("Eve", "+447400000003")
    assert eve.get(receipt).status == 404


def test_a_request_belongs_to_its_session(ana, bo, make_member, app, later):
    review = ask(ana)
    later()
    again = type(ana)(app.test_client(), mobile=ANA, customer_id=ana.customer_id)
    again.sign_in(ANA, to=ANA)
    for other in (bo, again):
        token = other.get("/account").form("/sign-out")["csrf_token"]
        for path in (review, f"{review}/code", f"{review}/code/wait"):
            assert other.get(path).status == 404
        for path in ("send-code", "code/again", "cancel"):
            answer = other.client.post(f"{review}/{path}", data={"csrf_token": token})
            assert answer.status_code == 404, path
        answer = other.client.post(f"{review}/code", data={"csrf_token": token, "code": "123456"})
        assert answer.status_code == 404


def test_double_click_asks_once_and_sends_once(ana, bo, count, balance):
    page = ana.get("/send")
    first, second = fill(ana, on=page), fill(ana, on=page)
    assert first.location == second.location
    assert count(TransferRequest) == 1
    review = first.location
    code = code_of(ana, review)
    # The code was sent a moment ago: the second click finds it sent.
    token = ana.get(review).form(f"{review}/cancel")["csrf_token"]
    twice = ana.client.post(f"{review}/send-code", data={"csrf_token": token})
    assert twice.location == f"{review}/code"
    typed = ana.get(f"{review}/code")
    done = ana.post(f"{review}/code", {"code": code}, on=typed)
    again = ana.post(f"{review}/code", {"code": code}, on=typed)
    assert done.location == again.location
    assert count(Transfer) == 1
    assert balance(ana) == 450
    # Back to any of the screens leads to the receipt.
    for path in (review, f"{review}/code"):
        assert ana.get(path).location == done.location
    assert fill(ana, on=page).location == review


def test_going_back_and_changing_it_makes_another_request(ana, bo, count):
    page = ana.get("/send")
    first = fill(ana, on=page).location
    # The browser's own back button: the same form with another amount.
    second = fill(ana, on=page, amount="200").location
    assert second != first
    assert "200 points" in ana.get(second).text
    changing = ana.get(f"/send?change={second.rsplit('/', 1)[1]}")
    assert changing.html.find(id="amount")["value"] == "200"
    assert "Bo… (…02)" in changing.text
    chosen = changing.html.find("input", attrs={"name": "to", "checked": True})["value"]
    third = fill(ana, on=changing, recipient="", to=chosen, amount="250").location
    assert "250 points" in ana.get(third).text
    # What was changed is over, and says so.
    assert ana.get(second).heading == "Nothing was sent"


def test_it_can_be_cancelled_until_the_code_is_used(ana, bo, balance):
    review = ask(ana)
    code = code_of(ana, review)
    assert ana.post(f"{review}/cancel", on=review).location == "/send"
    assert "Nothing was sent" in ana.get("/send").text
    page = ana.get(review)
    assert page.heading == "Nothing was sent"
    token = (
        page.form("/sign-out")["csrf_token"]
        if page.html.find("form", action="/sign-out")
        else page.form("/theme")["csrf_token"]
    )
    late = ana.client.post(f"{review}/code", data={"csrf_token": token, "code": code})
    assert late.location == review
    assert balance(ana) == 550


def test_whoever_comes_back_finds_what_waits(ana, bo):
    review = ask(ana)
    shown = ana.get("/send")
    assert "You were about to send 100 points to Bo… (…02)." in shown.text
    assert shown.html.find("a", href=review)
    ana.post(f"{review}/cancel", on=shown)
    assert "You were about to" not in ana.get("/send").text


def test_a_request_that_took_too_long_sends_nothing(ana, bo, database, balance):
    review = ask(ana)
    code = code_of(ana, review)
    typed = ana.get(f"{review}/code")
    with orm.writing(database) as unit:
        unit.scalars(select(TransferRequest)).one().expires_at -= timedelta(days=1)
    late = ana.post(f"{review}/code", {"code": code}, on=typed)
    assert late.location == review
    page = ana.get(review)
    assert page.heading == "Nothing was sent"
    again = page.html.find("a", string=re.compile("Start again")) or page.html.select_one(
        "main a.button"
    )
    assert ana.get(again["href"]).html.find(id="amount")["value"] == "100"
    assert balance(ana) == 550


def test_wrong_codes_run_out(ana, bo, balance):
    review = ask(ana)
    code = code_of(ana, review)
    wrong = "000000" if code != "000000" else "111111"
    page = ana.get(f"{review}/code")
    for left in ("4 more times", "3 more times", "2 more times", "once more"):
        said = ana.post(f"{review}/code", {"code": wrong}, on=page)
        assert said.status == 422
        assert left in said.errors()[0]
    ana.post(f"{review}/code", {"code": wrong}, on=page)
    said = ana.post(f"{review}/code", {"code": code}, on=page)
    assert "too often" in said.errors()[0]
    assert balance(ana) == 550
    assert "six digits" in ana.post(f"{review}/code", {"code": "12"}, on=page).errors()[0]


def test_a_new_code_has_to_be_waited_for_and_ends_the_old_one(ana, bo, database, balance):
    review = ask(ana)
    old = code_of(ana, review)
    page = ana.get(f"{review}/code")
    early = ana.post(f"{review}/code/again", on=page)
    assert early.status == 429
    assert int(early.response.headers["Retry-After"]) > 0
    part = ana.get(f"{review}/code/wait", htmx=True)
    assert part.html.find(id="code-again")["hx-get"] == f"{review}/code/wait"
    with orm.writing(database) as unit:
        for code in unit.scalars(select(OneTimeCode).where(OneTimeCode.purpose == "transfer")):
            code.created_at -= timedelta(minutes=1)
    before = len(sent_to(ana, ANA))
    again = ana.post(f"{review}/code/again", on=page)
    assert "We sent you a new code" in again.text
    new = ana.code_for(ANA, after=before)
    if old != new:
        assert ana.post(f"{review}/code", {"code": old}, on=page).status == 422
    assert ana.post(f"{review}/code", {"code": new}, on=page).status == 303


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"amount": ""}, "Type how much to send."),
        ({"amount": "many"}, "This is not a number"),
        ({"amount": "0"}, "more than zero"),
        ({"amount": "-5"}, "This is not a number"),
        ({"amount": "10.5"}, "Points cannot be divided. Type a whole number."),
        ({"amount": "551"}, "You can send at most 550 points: there is no more."),
        ({"amount": "9" * 29}, "This is not a number"),
        ({"amount": "9" * 15}, "You can send at most"),
        ({"recipient": ""}, "Type a phone number, an e-mail or a card number."),
        ({"recipient": "12"}, ""),
        ({"recipient": ANA}, ""),
        ({"to": "r1" + "x" * 80}, "This code has run out."),
        ({"note": "x" * 281}, ""),
    ],
)
def test_a_wrong_field_says_so_beside_it_and_keeps_what_was_typed(ana, bo, count, fields, told):
    typed = {"note": "A note", "recipient": BO, "amount": "100"} | fields
    answer = fill(ana, **typed)
    assert answer.status == 422
    assert answer.errors(), answer.text
    assert told in " ".join(answer.errors())
    assert answer.html.find(id="amount")["value"] == typed["amount"]
    assert answer.html.find(id="recipient")["value"] == typed["recipient"]
    assert answer.html.find(id="note").get_text().strip() == typed["note"]
    wrong = answer.html.find(attrs={"aria-invalid": "true"})
    assert wrong["aria-describedby"]
    part = fill(ana, htmx=True, **typed)
    assert part.status == 422
    assert "<html" not in part.response.text
    assert part.html.find(id="send")["data-say"]
    assert count(TransferRequest) == 0


def test_everybody_who_cannot_receive_looks_the_same(ana, make_member, database):
    """Unknown, not in the program, opted out, of ill repute, merged: no difference at all."""
    unknown = fill(ana, recipient="+447400000099")
    hidden = make_member("Hid", "+447400000011")
    fraud = make_member("Fra", "+447400000012")
    elsewhere = make_member("Els", "+447400000013", held=("bistro",))
    with orm.writing(database) as unit:
        unit.get(Customer, hidden.customer_id).findable = False
        unit.get(Customer, fraud.customer_id).fraud_status = "confirmed"

    def bare(answer, typed):
        text = answer.html.find("main").get_text(" ")
        return answer.status, re.sub(r"\s+", " ", text.replace(typed, ""))

    with orm.writing(database) as unit:
        unit.query(Budget).delete()
    for visitor in (hidden, fraud, elsewhere):
        with orm.writing(database) as unit:
            unit.query(Budget).filter(Budget.name.like("lookup%")).delete()
        answer = fill(ana, recipient=visitor.mobile)
        assert bare(answer, visitor.mobile) == bare(unknown, "+447400000099")
    assert "cannot receive points" in unknown.errors()[0]


def test_looking_for_many_people_ends(ana, bo):
    for number in range(6):
        answer = fill(ana, recipient=f"+44740000009{number}")
        assert answer.status == 422
    answer = fill(ana)
    assert answer.status == 429
    assert "You looked for many people. Try again in" in answer.errors()[0]
    assert answer.html.find(id="recipient")["value"] == BO


def test_the_last_ones_are_chosen_with_one_tap(ana, bo, balance):
    send(ana)
    page = ana.get("/send")
    choice = next(
        one["value"] for one in page.html.find_all("input", attrs={"name": "to"}) if one["value"]
    )
    assert "Bo… (…02)" in page.text
    assert bo.accounts["corner"] not in page.response.text
    review = ask(ana, on=page, to=choice, recipient="")
    assert "to Bo… (…02)" in ana.get(review).text
    # The radio button decides, as the page shows it.
    review = ask(ana, on=page, to=choice, recipient="+447400000099")
    assert "to Bo… (…02)" in ana.get(review).text


def test_all_of_it_leaves_nothing(ana, bo, balance):
    review = ask(ana, everything="y", amount="")
    shown = ana.get(review)
    assert "550 points" in shown.text
    assert "You keep 0 points" in shown.text


def test_amounts_with_decimals(make_member, database, give, balance):
    ana = make_member("Ana", ANA, held=("bistro",))
    bo = make_member("Bo", BO, held=("bistro",))
    give(ana, 2000, "bistro")
    send(ana, amount="10,50")
    assert (balance(ana, "bistro"), balance(bo, "bistro")) == (950, 1050)
    assert "2 digits after the decimal point" in fill(ana, amount="1.005").errors()[0]


def test_a_qr_says_who_without_saying_anything(ana, bo, app):
    page = bo.get("/receive")
    address = page.html.find(attrs={"data-copy": True})["data-copy"]
    path = address.removeprefix("http://localhost")
    assert "Bo… (…02)" in page.text
    assert page.html.find("svg", class_="qr-code")
    for secret in (bo.customer_id, bo.accounts["corner"], "400000002", "Boris"):
        assert secret not in address
    opened = ana.get(path)
    assert "Bo… (…02)" in opened.text
    chosen = opened.html.find("input", attrs={"name": "to", "checked": True})
    assert chosen["value"].startswith("r1")
    review = ask(ana, on=opened, to=chosen["value"], recipient="")
    assert "to Bo… (…02)" in ana.get(review).text
    # Pasted into the field it works as well, and whoever opted out can show it.
    review = ask(ana, recipient=address)
    assert "to Bo… (…02)" in ana.get(review).text
    with app.test_request_context():
        at = clock.now()
        token = path.partition("to=")[2]
        assert recipients.opened(token, at=at).account_id == bo.accounts["corner"]
        assert recipients.opened(token, at=at + timedelta(days=1)) is None
        assert recipients.opened(token[:-3] + "AAA", at=at) is None
        assert recipients.opened("r1" + "A" * 300, at=at) is None
        assert recipients.opened(None, at=at) is None
    assert "This code has run out" in ana.get("/send?to=r1" + "A" * 100).text


def test_opting_out_of_being_found(ana, bo):
    page = bo.get("/account")
    assert bo.post("/account/findable", on=page).location == "/account"
    assert "Nobody finds you" in bo.get("/account").text
    assert fill(ana).status == 422
    assert bo.post("/account/findable", on="/account").location == "/account"
    ask(ana)


def test_a_program_without_transfers_says_so(make_member, database, app):
    from tests.web.conftest import CORNER

    ana = make_member("Ana", ANA)
    with orm.writing(database) as unit:
        document = CORNER | {"transfers": {"enabled": False}}
        programs.apply(unit, document=document, actor="test", at=clock.now())
    page = ana.get("/send")
    assert "Corner Points cannot be sent" in page.text
    assert page.html.find("form", class_="send-form") is None
    assert "cannot be sent" in ana.get("/receive").text


def test_the_programs_limits_are_said_with_numbers(make_member, database, give):
    from tests.web.conftest import CORNER

    ana = make_member("Ana", ANA)
    make_member("Boris", BO)
    give(ana, 500)
    rules = {"min": 20, "max": 300, "multiple_of": 10, "per_day": 350}
    with orm.writing(database) as unit:
        programs.apply(unit, document=CORNER | {"transfers": rules}, actor="test", at=clock.now())
    shown = ana.get("/send").text
    assert "Between 20 points and 300 points at a time. In steps of 10 points." in shown
    assert fill(ana, amount="10").errors() == ["Send at least 20 points at a time."]
    assert fill(ana, amount="400").errors()[0] == "Send at most 300 points at a time."
    assert fill(ana, amount="55").errors() == ["Send a multiple of 10 points."]
    send(ana, amount="300")
    said = fill(ana, amount="60").errors()
    assert said == ["You can send at most 350 points a day. 50 points are left for today."]


def test_a_lately_changed_phone_waits(ana, bo, database):
    with orm.writing(database) as unit:
        unit.get(Customer, ana.customer_id).contact_changed_at = clock.now()
    answer = fill(ana)
    assert answer.status == 422
    assert "Your phone or e-mail was changed lately" in answer.text


def test_what_changed_since_the_review_is_said_with_the_code(ana, bo, database, balance):
    review = ask(ana, amount="500")
    code = code_of(ana, review)
    page = ana.get(f"{review}/code")
    at = clock.now()
    with orm.writing(database) as unit:
        ledger.redeem(
            unit,
            account_id=ana.accounts["corner"],
            points=300,
            facts=Facts(name=EventName.POINTS_REDEMPTION, actor="test"),
            at=at,
        )
    said = ana.post(f"{review}/code", {"code": code}, on=page)
    assert said.status == 422
    assert "You can send at most 250 points" in said.text
    assert balance(ana) == 250
    assert "There is not enough any more" in ana.get(review).text


def test_without_a_contact_there_is_no_code(ana, bo, database):
    review = ask(ana)
    with orm.writing(database) as unit:
        unit.query(Identifier).filter(Identifier.customer_id == ana.customer_id).delete()
    told = ana.post(f"{review}/send-code", on=review)
    assert told.status == 422
    assert "no phone or e-mail" in told.text


def test_a_form_from_elsewhere_does_nothing(ana, bo, count):
    page = ana.get("/send")
    forged = fill(ana, on=page, operation="0000.0000")
    assert forged.status == 422
    mine = page.form(page.html.find("form", class_="send-form")["action"])["operation"]
    other = fill(bo, recipient=ANA, amount="10", operation=mine)
    assert other.status == 303
    assert count(TransferRequest) == 1


def test_what_is_to_be_replaced_may_be_gone(ana, bo, count):
    answer = fill(ana, change="trq_nothing")
    assert answer.status == 303
    assert count(TransferRequest) == 1
    # It is used by now: its receipt says so, and nothing more is sent.
    page = ana.get(f"/send?change={answer.location.rsplit('/', 1)[1]}")
    code = code_of(ana, answer.location)
    done = ana.post(f"{answer.location}/code", {"code": code}, on=f"{answer.location}/code")
    assert fill(ana, on=page, amount="120").location == done.location
    assert count(Transfer) == 1


def test_transfers_are_listed_page_by_page(ana, bo, send_at_once):
    for _ in range(22):
        send_at_once(ana, bo)
    first = ana.get("/transfers")
    lines = first.html.select(".brief-line")
    assert len(lines) == 20
    older = first.html.select_one(".older a")["href"]
    rest = ana.get(older, htmx=True)
    assert "<html" not in rest.response.text
    assert len(rest.html.select(".brief-line")) == 2
    assert not {one["href"] for one in rest.html.select(".brief-line")} & {
        one["href"] for one in lines
    }
    assert ana.get("/transfers?cursor=nonsense").status == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [("/send", 8), ("/receive", 8), ("/transfers", 8), ("/account", 8), ("/account/freeze", 8)],
)
def test_pages_ask_a_fixed_number_of_questions(ana, bo, app, path, most):
    send(ana)
    statements = []
    with app.app_context():
        engine = db.engine

    def note(_connection, _cursor, statement, *_rest):
        if threading.current_thread() is threading.main_thread() and not statement.startswith(
            ("BEGIN", "PRAGMA", "UPDATE", "SET")
        ):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    ana.get(path)
    event.remove(engine, "before_cursor_execute", note)
    assert len(statements) <= most, "\n".join(statements)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("100", "100"),
        (" 1,240 points", "1240"),
        ("1 240", "1240"),
        ("10.5", "10.5"),
        ("10,5", "10.5"),
        ("10,50", "10.50"),
        ("1", "1"),
        ("١٢", "12"),
    ],
)
def test_amounts_are_read_as_people_write_them(app, database, text, found):
    program = programs.find(database, "corner")
    with app.test_request_context():
        assert str(amounts.typed(text, program)) == found


@pytest.mark.parametrize("text", ["", "x", "1e5", "NaN", "1,2,3", "--1", "+5", "1.2.3", "½", "∞"])
def test_what_is_no_amount_is_none(app, database, text):
    program = programs.find(database, "corner")
    with app.test_request_context():
        assert amounts.typed(text, program) is None
