"""A member's home says what they have, in plain words and right."""

from datetime import timedelta

from portal import ledger, members, orm, programs
from portal.ledger import EventName
from portal.web.formatting import day

DAY = timedelta(days=1)


def last_day(portal, days):
    """The day through which something can be used that is gone ``days`` from now."""
    with portal.app.test_request_context("/"):
        program = programs.find(portal.session, "corner")
        portal.session.rollback()
        return day(program.last_day(portal.at + days * DAY))


def test_home_shows_balance_worth_and_the_soonest_expiry(portal):
    portal.earn(120, days_ago=300, expires_in=9)
    portal.earn(1200, days_ago=20, expires_in=200)
    text = portal.text("/home")
    assert "You have 1,320 points worth €13.20" in text
    assert f"120 points expire on {last_day(portal, 9)}" in text


def test_one_point_expires(portal):
    portal.earn(1, expires_in=9)
    assert f"1 point expires on {last_day(portal, 9)}" in portal.text("/home")


def test_the_schedule_lists_every_date_and_adds_up_to_the_balance(portal):
    for days in (9, 40, 41, 80, 120, 160, 200, 240):
        portal.earn(100 + days, expires_in=days)
    portal.earn(42, expires_in=None)
    portal.redeem(59)
    page = portal.get("/home")
    schedule = page.select_one("#expiry")
    rows = [
        [cell.get_text(" ", strip=True) for cell in row.select("th, td")]
        for row in schedule.select("tbody tr")
    ]
    assert len(rows) == 9
    assert rows[0][0].startswith(last_day(portal, 9))
    assert rows[0][1] == "50 points"
    assert rows[-1] == ["Never expires", "42 points"]
    total = sum(int(points.split()[0].replace(",", "")) for _when, points in rows)
    assert schedule.select_one(".sum").get_text(" ", strip=True) == f"Together {total:,} points"
    assert (
        total == ledger.position(portal.session, account_id=portal.account_id, at=portal.at).balance
    )
    chart = schedule.select_one("svg[role=img]")
    named = chart["aria-labelledby"].split()
    assert all(chart.find(id=name) for name in named)
    assert len(chart.select(".columns rect")) >= 7


def test_a_debt_is_said_kindly_with_its_cause(portal):
    bought = portal.earn(90, days_ago=9)
    portal.redeem(50, days_ago=8)
    with orm.writing(portal.session):
        ledger.reverse(
            portal.session,
            entry_id=bought.id,
            facts=portal.facts(EventName.RETURN_BILL),
            at=portal.at,
        )
    text = portal.text("/home")
    assert "You are 50 points below zero after a refund" in text
    assert "what you earn next settles this first" in text
    assert "Nothing can expire while you are below zero" in text
    assert "worth" not in text


def test_promised_points_are_shown_with_their_date_and_not_counted(portal):
    portal.earn(10)
    portal.earn(240, available_from=portal.at + 400 * DAY, expires_in=700)
    text = portal.text("/home")
    assert "You have 10 points" in text
    assert "240 points promised from" in text
    page = portal.get("/home")
    assert page.select_one("#promised tfoot td").text == "240 points"


def test_what_is_due_counts_before_it_is_booked(portal):
    portal.earn(100, days_ago=30, expires_in=-1)
    portal.earn(70, days_ago=30, available_from=portal.at - DAY)
    text = portal.text("/home")
    assert "You have 70 points" in text
    assert text.count("being booked") == 2


def test_the_way_to_the_next_tier(portal):
    portal.earn(40)
    assert "60 points to Silver" in portal.text("/home")
    portal.earn(160)
    assert "You are Silver. 800 points to Gold" in portal.text("/home")
    portal.earn(900)
    assert "You are Gold, our highest tier" in portal.text("/home")


def test_the_last_five_movements_lead_to_their_stories(portal):
    for number in range(7):
        entry = portal.earn(10 + number, days_ago=10 - number, store="Corner Lisboa")
    lines = portal.get("/home").select("#last li a")
    assert len(lines) == 5
    assert lines[0]["href"] == f"/history/{entry.id}"
    assert "Earned at Corner Lisboa" in lines[0].text
    assert "+16" in lines[0].text


def test_the_card_is_there_to_scan_and_to_read_out(portal):
    page = portal.get("/home")
    card = page.select_one("#card .member-card")
    assert card.select_one(".member-card-number").text == "6300 0000 0000 0017"
    assert card.select_one(".qr-code")["aria-label"] == "Your card number: 6300000000000017"
    assert card.select_one(".bar-code path")
    link = page.select_one("a.hero-code")
    assert link["href"] == "/card"
    assert link.select_one("svg path")


def test_the_nearest_reward_stands_in_the_first_screen(portal, gifts):
    assert not portal.get("/home").select(".fact-reward")
    portal.earn(260)
    gifts.offer("mug", price=500)
    gifts.offer("far", price=5000)
    fact = portal.get("/home").select_one(".home-first .fact-reward")
    assert fact.select_one("#reward-text").text == "240 points to Mug"
    assert fact["href"] == "/rewards/mug"
    assert fact.select_one("progress")["value"] == "52"
    gifts.offer("coffee", price=100)
    fact = portal.get("/home").select_one(".fact-reward")
    assert fact.select_one("#reward-text").text == "240 points to Mug"
    assert fact.select_one(".badge").text == "1 to have now"
    assert fact["href"] == "/rewards"
    portal.earn(9000)
    text = portal.get("/home").select_one(".fact-reward").get_text(" ", strip=True)
    assert text == "3 rewards you can have now"


def test_home_asks_no_more_often_with_rewards_and_vouchers(portal, gifts):
    portal.earn(5000)
    for number in range(12):
        gifts.offer(f"mug{number}", price=500)
    gifts.issue("mug1")
    few = portal.count("/home")
    gifts.take("mug2")
    assert portal.count("/home") == few <= 8
    assert "Mug2" in portal.get("/home").select_one("#last").text


def test_an_empty_account_says_what_to_do(portal):
    text = portal.text("/home")
    assert "You have 0 points" in text
    assert "Show your code at the till when you next shop" in text


def test_a_member_of_no_program_is_told_so(portal):
    with orm.writing(portal.session):
        ledger.close(portal.session, account_id=portal.account_id, at=portal.at)
        ledger.amend(portal.session, account_id=portal.account_id, at=portal.at)
    assert "You have 0 points" in portal.text("/home")
    token_for_nobody(portal)
    for path in ("/home", "/history"):
        assert "You have no points yet" in portal.text(path)
    assert portal.client.get("/history.csv").text.count("\n") == 1


def token_for_nobody(portal):
    from portal.access import sessions

    with orm.writing(portal.session):
        alone = members.create_customer(portal.session, identifiers=[], at=portal.at)
        token = sessions.open(portal.session, customer_id=alone.id, at=portal.at).token
    portal.client.set_cookie("session", token)


def test_several_programs_each_in_their_own_unit(portal):
    with orm.writing(portal.session):
        credits = ledger.open_account(
            portal.session, program_id="credits", customer_id=portal.customer_id, at=portal.at
        )
    portal.earn(300)
    portal.earn(1250, account_id=credits.id, expires_in=None)
    page = portal.get("/home")
    tabs = page.select("nav.tabs a")
    assert [tab.text for tab in tabs] == ["Corner Points", "Credits"]
    assert "You have 300 points" in portal.text("/home")
    text = portal.text("/home?program=credits")
    assert "You have €12.50" in text
    assert "Nothing of this expires" in text
    # The choice is kept, and a program that is not theirs changes nothing.
    assert "You have €12.50" in portal.text("/home")
    assert "You have €12.50" in portal.text("/home?program=nowhere")


def test_the_balance_over_time_has_a_table_too(portal):
    portal.earn(100, days_ago=200)
    portal.redeem(30, days_ago=100)
    page = portal.get("/home")
    section = page.select_one("#balance")
    rows = [row.get_text(" ", strip=True) for row in section.select("tbody tr")]
    assert rows[0] == "Today 70 points"
    assert any(row.endswith("100 points") for row in rows)
    assert section.select_one("svg .lines .area")
    assert "now 70 points" in section.select_one("figcaption").text


def test_home_asks_the_database_eight_times_however_long_the_history(portal):
    portal.earn(10)
    few = portal.count("/home")
    for number in range(60):
        portal.earn(10 + number, days_ago=60 - number)
    assert portal.count("/home") == few
    assert few <= 8


def test_home_is_for_members(portal):
    portal.client.delete_cookie("session")
    answer = portal.client.get("/home")
    assert answer.status_code == 303
    assert "/sign-in" in answer.headers["Location"]


def test_the_theme_is_kept_in_a_cookie_and_rendered(portal):
    portal.app.config["WTF_CSRF_ENABLED"] = False
    assert portal.get("/home").html["data-theme"] == "auto"
    answer = portal.client.post(
        "/theme", data={"theme": "dark"}, headers={"Referer": "http://localhost/history?type=earn"}
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/history?type=earn"
    assert portal.get("/home").html["data-theme"] == "dark"
    away = portal.client.post(
        "/theme", data={"theme": "auto"}, headers={"Referer": "http://evil.example//evil"}
    )
    assert away.headers["Location"] == "/"
    assert portal.get("/home").html["data-theme"] == "auto"


def test_a_program_brings_its_own_stylesheet(portal):
    page = portal.get("/home")
    href = page.select_one('link[href^="/theme/corner.css"]')["href"]
    answer = portal.client.get(href)
    assert answer.mimetype == "text/css"
    assert "--accent:#0a7d5a" in answer.text
    assert "immutable" in answer.headers["Cache-Control"]
    assert "immutable" not in portal.client.get("/theme/corner.css").headers["Cache-Control"]
    assert portal.client.get("/theme/nowhere.css").status_code == 404


def test_a_program_with_a_logo_shows_it(portal):
    assert portal.get("/home").select_one(".brand-mark").text == "C"
    with orm.writing(portal.session):
        document = programs.document(portal.session, "corner")
        document = document | {"theme": {"accent": "#0a7d5a", "logo": "/static/icons/favicon.svg"}}
        programs.apply(portal.session, document=document, actor="test", at=portal.at)
    page = portal.get("/home")
    assert page.select_one("img.brand-logo")["src"] == "/static/icons/favicon.svg"
    assert not page.select(".brand-mark")
