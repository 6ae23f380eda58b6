"""A member's own settings: devices, and which program they look at."""

from sqlalchemy import select

from portal.access.models import MemberSession
from portal.web.member.devices import device_name

FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
EDGE = CHROME + " Edg/142.0.0.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


def again(member, app, later):
    """The same member on a second device."""
    later()
    other = type(member)(app.test_client(), mobile=member.mobile)
    other.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    other.sign_in(member.mobile, to=member.mobile)
    return other


def test_devices_are_named_in_words():
    assert device_name(FIREFOX) == "Firefox on Android"
    assert device_name(CHROME) == "Chrome on Windows"
    assert device_name(EDGE) == "Edge on Windows"
    assert device_name(SAFARI) == "Safari on iPhone"
    assert device_name("curl/8.0") == device_name(None) == "Another device"


def test_devices_are_listed_and_ended_by_their_owner(member, app, later):
    other = again(member, app, later)
    shown = member.get("/account/sessions")
    assert "Firefox on Android" in shown.text
    assert shown.text.count("This device") == 1
    form = next(form for form in shown.html.find_all("form") if "/end" in form["action"])
    ended = member.post(form["action"], on=shown)
    assert ended.location == "/account/sessions"
    assert "Firefox" not in member.get("/account/sessions").text
    assert other.get("/home").location.startswith("/sign-in")
    assert member.post(form["action"], on=shown).status == 404


def test_devices_are_ended_within_the_page_by_htmx(member, app, later):
    other = again(member, app, later)
    shown = member.get("/account/sessions")
    ended = member.post("/account/sessions/end-others", on=shown, htmx=True)
    assert ended.status == 200
    assert "<html" not in ended.response.text
    assert ended.html.find(id="sessions")["data-say"] == "1 device is signed out."
    assert other.get("/home").status == 303
    assert member.get("/home").status == 200


def test_ending_this_device_is_a_sign_out(member, database):
    own = database.scalars(select(MemberSession.id)).one()
    page = member.get("/account/sessions")
    token = page.form("/sign-out")["csrf_token"]
    answer = member.client.post(f"/account/sessions/{own}/end", data={"csrf_token": token})
    assert answer.location == "/sign-in"
    assert member.get("/home").status == 303


def test_another_members_device_cannot_be_ended(member, make_member, database):
    other = make_member("Bo", "+447400000002")
    theirs = database.scalars(
        select(MemberSession.id).where(MemberSession.customer_id == other.customer_id)
    ).one()
    token = member.get("/account/sessions").form("/sign-out")["csrf_token"]
    answer = member.client.post(f"/account/sessions/{theirs}/end", data={"csrf_token": token})
    assert answer.status_code == 404
    assert other.get("/home").status == 200


def test_program_is_switched_and_stays(member):
    page = member.get("/account")
    form = next(
        form
        for form in page.html.find_all("form", action="/program")
        if form.find("input", attrs={"value": "bistro"})
    )
    fields = {one["name"]: one["value"] for one in form.find_all("input")}
    answer = member.client.post("/program", data=fields)
    assert answer.location == "/home"
    assert "Bistro Credits" in member.get("/home").html.title.get_text()
    there = member.client.post("/program", data=fields | {"next": "https://evil.example/"})
    assert there.location == "/home"


def test_program_of_others_cannot_be_chosen(make_member):
    bo = make_member("Bo", "+447400000002")
    token = bo.get("/account").form("/sign-out")["csrf_token"]
    for wanted in ("bistro", "nothing", "", "x" * 500):
        data = {"csrf_token": token, "program": wanted}
        assert bo.client.post("/program", data=data).status_code == 404


def test_account_shows_who_they_are(member):
    shown = member.get("/account")
    assert "Ana" in shown.text
    assert "+44 7400 000001" in shown.text
    assert shown.response.headers["Cache-Control"] == "no-store"


def test_session_that_ran_out_leads_to_sign_in_and_back(member, database):
    from datetime import timedelta

    from portal import orm

    with orm.writing(database) as session:
        session.scalars(select(MemberSession)).one().expires_at -= timedelta(days=31)
    answer = member.get("/history", query_string={"kind": "debit"})
    assert answer.location == "/sign-in?next=/history?kind%3Ddebit"
    part = member.client.get(
        "/history",
        headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/history?kind=debit"},
    )
    assert part.status_code == 401
    assert part.headers["HX-Redirect"] == "/sign-in?next=/history"
    assert part.data == b""


def test_looking_around_is_noted_once_a_minute(member, database):
    from datetime import timedelta

    from portal import orm

    with orm.writing(database) as session:
        row = session.scalars(select(MemberSession)).one()
        row.last_seen_at -= timedelta(minutes=5)
        before = row.last_seen_at
    member.get("/account")
    database.expire_all()
    database.rollback()
    after = database.scalars(select(MemberSession)).one().last_seen_at
    assert after > before
    member.get("/account")
    database.expire_all()
    database.rollback()
    assert database.scalars(select(MemberSession)).one().last_seen_at == after
