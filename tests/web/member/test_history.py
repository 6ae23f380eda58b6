"""The history tells every movement in plain words, filters it, and explains each line."""

import csv
import io
from datetime import timedelta

import pytest

from portal import ledger, members, orm
from portal.ledger import EventName

DAY = timedelta(days=1)


def sentences(page):
    return [line.get_text(" ", strip=True) for line in page.select(".line-sentence")]


def amounts(page):
    return [line.get_text(strip=True) for line in page.select(".line-row .amount")]


def test_lines_are_plain_words_with_a_running_balance(portal):
    portal.earn(42, days_ago=2, number="1029", store="Corner Lisboa")
    portal.redeem(30, days_ago=1, number="1030", store="Corner Porto")
    page = portal.get("/history")
    assert sentences(page) == [
        "Spent 30 points at Corner Porto, order 1030",
        "Earned 42 points at Corner Lisboa, order 1029",
    ]
    assert amounts(page) == ["−30", "+42"]
    assert [b.text for b in page.select(".line-balance")] == [
        "Balance 12 points",
        "Balance 42 points",
    ]
    assert page.select_one(".day-title").text == "Yesterday"


def test_what_is_due_and_not_booked_stands_on_top_without_a_link(portal):
    portal.earn(100, days_ago=30, expires_in=-1)
    page = portal.get("/history")
    assert sentences(page)[0] == "100 points expired"
    first = page.select_one(".line-pending")
    assert "Being booked" in first.text
    assert not first.select("a")
    assert "Being booked" not in portal.text("/history?type=expire")


def test_a_line_recorded_later_says_so(portal):
    portal.earn(5, days_ago=1)
    portal.earn(7, days_ago=0, occurred_at=portal.at - 20 * DAY, expires_in=300)
    page = portal.get("/history")
    assert amounts(page) == ["+5", "+7"]
    assert "Recorded on" in page.select("details.line")[1].text
    assert "Recorded on" not in page.select("details.line")[0].text


def test_filters_by_type_category_and_date(portal):
    portal.earn(42, days_ago=20)
    portal.redeem(30, days_ago=10)
    portal.earn(99, days_ago=5, available_from=portal.at + 9 * DAY)
    assert amounts(portal.get("/history?type=redeem")) == ["−30"]
    assert amounts(portal.get("/history?type=redeem&type=earn")) == ["+99", "−30", "+42"]
    assert amounts(portal.get("/history?category=promised")) == ["+99"]
    since = (portal.at - 11 * DAY).date().isoformat()
    until = (portal.at - 9 * DAY).date().isoformat()
    assert amounts(portal.get(f"/history?from={since}&to={until}")) == ["−30"]
    page = portal.get(f"/history?type=redeem&from={since}&category=regular")
    assert page.select_one("input[value=redeem]").has_attr("checked")
    assert page.select_one("#from")["value"] == since
    assert page.select_one("option[selected]")["value"] == "regular"
    assert "type=redeem" in page.select_one("#csv")["href"]
    assert "Nothing matches" in portal.text("/history?type=transfer")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=yesterday", "This is not a date: yesterday"),
        ("from=0001-01-01", "This date is too far away"),
        ("to=9999-12-31", "This date is too far away"),
        ("from=2026-05-02&to=2026-05-01", "The first day comes after the last one"),
    ],
)
def test_a_wrong_date_is_named(portal, query, said):
    portal.earn(10)
    page = portal.get(f"/history?{query}")
    assert said in page.text
    assert not page.select(".line")


@pytest.mark.parametrize(
    "query", ["type=nonsense", "category=nonsense", "cursor=nonsense", "program=nonsense", "type="]
)
def test_what_nobody_can_have_clicked_changes_nothing(portal, query):
    portal.earn(10)
    assert amounts(portal.get(f"/history?{query}")) == ["+10"]


def test_pages_go_on_to_the_end_with_each_line_once(portal):
    for number in range(45):
        portal.earn(number + 1, days_ago=50 - number)
    found, path, pages = [], "/history?type=earn", 0
    while path:
        page = portal.get(path)
        found += amounts(page)
        pages += 1
        older = page.select_one("#older")
        path = older["href"] if older else None
        assert path is None or "type=earn" in path
    assert pages == 3
    assert found == [f"+{number}" for number in range(45, 0, -1)]


def test_htmx_gets_the_list_alone_and_then_only_what_comes_below(portal):
    for number in range(25):
        portal.earn(number + 1)
    answer = portal.client.get("/history", headers={"HX-Request": "true"})
    assert "HX-Request" in answer.headers["Vary"]
    page = portal.get("/history", htmx=True)
    assert page.select_one("#lines")["data-say"] == "20 movements, and older ones"
    assert not page.select("form, header")
    below = portal.get(page.select_one("#older")["hx-get"], htmx=True)
    assert not below.select("#lines")
    # The first page ended within this day, so its heading is not said again.
    assert not below.select(".day-title")
    assert len(below.select(".line")) == 5


def test_a_credit_is_explained_to_its_lot_and_what_became_of_it(portal):
    entry = portal.earn(42, days_ago=2, number="1029", store="Corner Lisboa", note="Double day")
    spent = portal.redeem(30, days_ago=1)
    page = portal.get(f"/history/{entry.id}")
    text = " ".join(page.main.get_text(" ").split())
    assert "+42 points Earned 42 points at Corner Lisboa, order 1029" in text
    for words in ("Where Corner Lisboa", "Order 1029", "Order amount €42.10", "Note Double day"):
        assert words in text
    assert "Usable through" in text
    assert page.select_one(f'.story-part a[href="/history/{spent.entry_id}"]')
    fragment = portal.get(f"/history/{entry.id}", htmx=True)
    assert fragment.select_one(f"#story-{entry.id}")
    assert not fragment.select("h1")


def test_a_debit_says_which_points_it_took(portal):
    first = portal.earn(20, days_ago=5, expires_in=10, store="Corner Porto")
    second = portal.earn(50, days_ago=4, expires_in=90)
    spent = portal.redeem(30, days_ago=1)
    page = portal.get(f"/history/{spent.entry_id}")
    rows = page.select(".story-part li")
    assert [row.select_one(".amount").text for row in rows] == ["20 points", "10 points"]
    assert [row.a["href"] for row in rows] == [f"/history/{first.id}", f"/history/{second.id}"]
    assert "at Corner Porto" in rows[0].text
    assert "usable through" in rows[0].text


def test_a_reversal_and_what_it_reverses_lead_to_each_other(portal):
    portal.earn(50, days_ago=5)
    spent = portal.redeem(30, days_ago=3)
    with orm.writing(portal.session):
        reversal = ledger.reverse_redemption(
            portal.session,
            redemption_id=spent.id,
            points=10,
            facts=portal.facts(EventName.REDEMPTION_REVERSAL),
            at=portal.at,
            grace_expires_at=portal.at + 30 * DAY,
        )
    page = portal.get("/history")
    assert sentences(page)[0] == "Got 10 points back"
    assert "Given back later" in page.select("details.line")[1].text
    assert portal.get(f"/history/{spent.entry_id}").select_one(
        f'dd a[href="/history/{reversal.id}"]'
    )
    assert portal.get(f"/history/{reversal.id}").select_one(
        f'dd a[href="/history/{spent.entry_id}"]'
    )


def test_points_that_were_sent_do_not_tell_where_the_sender_earned_them(portal):
    with orm.writing(portal.session):
        other = members.create_customer(portal.session, identifiers=[], at=portal.at)
        sender = ledger.open_account(
            portal.session, program_id="corner", customer_id=other.id, at=portal.at - 9 * DAY
        )
    theirs = portal.earn(80, days_ago=5, account_id=sender.id, store="Clinic", note="secret")
    with orm.writing(portal.session):
        ledger.transfer(
            portal.session,
            from_account_id=sender.id,
            to_account_id=portal.account_id,
            points=30,
            facts=portal.facts(EventName.POINTS_TRANSFER),
            at=portal.at,
        )
    page = portal.get("/history")
    assert sentences(page) == ["Received 30 points"]
    story = portal.get(page.select_one("details.line")["hx-get"])
    assert "30 points" in story.select_one(".story-part").text
    assert "Clinic" not in story.text
    assert theirs.id not in str(story)
    assert portal.get(f"/history/{theirs.id}", status=404)


def test_an_unknown_line_and_somebody_elses_are_not_found_alike(portal):
    with orm.writing(portal.session):
        other = members.create_customer(portal.session, identifiers=[], at=portal.at)
        foreign = ledger.open_account(
            portal.session, program_id="corner", customer_id=other.id, at=portal.at
        )
    theirs = portal.earn(80, account_id=foreign.id)
    known = portal.client.get(f"/history/{theirs.id}")
    mine = ledger.entry_id(portal.account_id, 999)
    for unknown in ("ptx_nothing-1", "nonsense", "ptx_" + "9" * 60, mine):
        answer = portal.client.get(f"/history/{unknown}")
        assert answer.status_code == known.status_code == 404
        assert strip(answer.text) == strip(known.text)


def strip(text):
    """A page without what differs between any two."""
    return [line for line in text.splitlines() if "csrf_token" not in line]


def test_the_file_has_the_same_lines_and_no_formula(portal):
    portal.earn(42, days_ago=3, number="=1+1", store="@Corner", note="x")
    portal.redeem(30, days_ago=1, store="Corner Porto")
    answer = portal.client.get("/history.csv?type=earn")
    assert answer.mimetype == "text/csv"
    assert 'attachment; filename="corner-' in answer.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["Points"] == "42"
    assert row["Balance after"] == "42"
    assert row["Order"] == "'=1+1"
    assert row["Store"] == "'@Corner"
    assert row["Order amount"] == "42.10"
    rows = list(csv.DictReader(io.StringIO(portal.client.get("/history.csv").text[1:])))
    assert [row["Points"] for row in rows] == ["-30", "42"]
    assert rows[0]["What"] == "Spent 30 points at Corner Porto"


def test_the_file_is_whole_however_long_the_history(portal):
    for number in range(130):
        portal.earn(number + 1, days_ago=140 - number)
    rows = list(csv.DictReader(io.StringIO(portal.client.get("/history.csv").text[1:])))
    assert [int(row["Points"]) for row in rows] == list(range(130, 0, -1))


def test_history_asks_the_database_eight_times_at_any_depth(portal):
    portal.earn(10)
    few = portal.count("/history")
    for number in range(50):
        portal.earn(10 + number, days_ago=60 - number)
    assert portal.count("/history") == few
    older = portal.get("/history").select_one("#older")["href"]
    assert portal.count(older) == few
    assert few <= 8


def test_history_is_for_members(portal):
    entry = portal.earn(10)
    portal.client.delete_cookie("session")
    for path in ("/history", "/history.csv", f"/history/{entry.id}"):
        assert portal.client.get(path).status_code == 303
