"""A member's vouchers: shown to be scanned, given back once, and told of in the history."""

from datetime import UTC, datetime, timedelta

import pytest

from portal import ledger, members, orm, programs, rewards
from portal.access import sessions

DAY = timedelta(days=1)


@pytest.fixture
def voucher(portal, gifts):
    """Rita has 1,240 points and turned 500 of them into a mug."""
    portal.earn(240, expires_in=20)
    portal.earn(1000, expires_in=300)
    gifts.offer("mug", name="Blue mug")
    return gifts.found(gifts.take())


def deadlines(portal):
    portal.session.rollback()
    position = ledger.position(portal.session, account_id=portal.account_id, at=datetime.now(UTC))
    return position.deadlines


def test_the_code_can_be_scanned_read_aloud_and_shown_alone(portal, voucher):
    page = portal.get(f"/vouchers/{voucher.id}?new=1")
    assert "It is yours." in page.text
    groups = [group.text for group in page.select(".bright .spoken span")]
    assert "-".join(groups) == voucher.spoken_code
    assert len(groups) == 4
    assert page.select_one(".bright .qr-code")["aria-label"].startswith("The code of your voucher")
    assert page.select_one(".bright .bar-code path")
    text = portal.text(f"/vouchers/{voucher.id}")
    for said in ("Ready to use", "Usable through", "In every store", "Paid with 500 points"):
        assert said in text, said
    alone = portal.get(f"/vouchers/{voucher.id}/show")
    assert alone.html["data-theme"] == "light"
    assert not alone.select("nav, footer")
    assert alone.select_one(".till .qr-code")
    # The code is a secret that pays: it stands in no address.
    hrefs = [link.get("href", "") + link.get("action", "") for link in page.select("a, form")]
    assert not [href for href in hrefs if voucher.code in href or voucher.spoken_code in href]


def test_those_to_use_come_first_the_soonest_on_top_and_the_past_says_when(portal, gifts):
    portal.earn(9000, days_ago=300)
    for reward_id, days in [("mug", 30), ("tea", 5), ("bag", 60), ("old", 10), ("cup", 30)]:
        gifts.offer(reward_id, voucher_days=days)
    with_bag = gifts.issue("bag")
    gifts.issue("mug")
    gifts.issue("tea")
    gifts.issue("old", days_ago=15)
    back = gifts.issue("cup")
    gifts.use(with_bag)
    with orm.writing(portal.session):
        rewards.cancel(portal.session, code=back.code, actor="test", at=portal.at)
    page = portal.get("/vouchers")
    usable, past = page.select("section")
    assert [name.text for name in usable.select("h3")] == ["Tea", "Mug"]
    assert "5 days left" in usable.text
    told = {
        row.h3.text: " ".join(row.select_one(".note").text.split())
        for row in past.select(".voucher-row")
    }
    assert told["Bag"] == "Used at Corner Lisboa · Today"
    assert told["Cup"] == "Cancelled, points returned · Today"
    assert told["Old"].startswith("Not used in time, points returned · ")
    assert page.select_one("#past-title")
    assert portal.get("/rewards").select_one(".count").text.strip().startswith("2")


def test_no_voucher_says_what_to_do(portal):
    assert "No voucher to use" in portal.text("/vouchers")


def test_many_past_vouchers_come_in_pages(portal, gifts):
    portal.earn(90_000)
    gifts.offer("mug")
    for _ in range(23):
        gifts.use(gifts.issue("mug"))
    page = portal.get("/vouchers")
    assert len(page.select(".vouchers-past .voucher-row")) == 20
    older = portal.get(page.select_one(".older a")["href"])
    assert len(older.select(".voucher-row")) == 3
    assert "Ready to use" not in older.text


def test_cancelling_gives_the_very_same_points_back_once(portal, gifts, voucher):
    before = deadlines(portal)
    path = f"/vouchers/{voucher.id}/cancel"
    assert "The same 500 points come back to you, each with the expiry it had." in portal.text(path)
    fields = gifts.form(path)
    assert gifts.send(path, fields).location == f"/vouchers/{voucher.id}"
    assert "Cancelled. Your 500 points are back." in portal.text(f"/vouchers/{voucher.id}")
    assert gifts.balance() == 1240
    assert gifts.send(path, fields).status_code == 303
    assert gifts.balance() == 1240
    assert [one.points for one in before] == [740]
    assert [one.points for one in deadlines(portal)] == [240, 1000]
    page = portal.get(f"/vouchers/{voucher.id}")
    assert not page.select(".bright")
    assert "This voucher cannot be used any more." in page.text
    assert portal.client.get(path).location == f"/vouchers/{voucher.id}"
    assert portal.client.get(f"/vouchers/{voucher.id}/show").status_code == 303


def test_a_voucher_that_was_used_meanwhile_cannot_be_cancelled(portal, gifts, voucher):
    path = f"/vouchers/{voucher.id}/cancel"
    fields = gifts.form(path)
    gifts.use(voucher)
    answer = gifts.send(path, fields)
    assert answer.location == f"/vouchers/{voucher.id}"
    text = portal.text(answer.location)
    assert "It was too late: this voucher cannot be cancelled any more." in text
    assert "Used at Corner Lisboa" in text
    assert gifts.balance() == 740


def test_how_soon_it_ends_is_said_only_while_it_can_be_used(portal, gifts):
    portal.earn(1000, days_ago=10)
    gifts.offer("tea", voucher_days=5)
    last, soon = gifts.issue("tea", days_ago=5), gifts.issue("tea")
    assert "Last day today" in portal.text(f"/vouchers/{last.id}")
    assert "5 days left" in portal.text(f"/vouchers/{soon.id}")
    gifts.use(soon)
    assert "left" not in portal.get(f"/vouchers/{soon.id}").select_one(".voucher-state").text


def test_a_cancel_form_that_is_not_ours_does_nothing(portal, gifts, voucher):
    path = f"/vouchers/{voucher.id}/cancel"
    fields = gifts.form(path)
    assert gifts.send(path, fields | {"operation": "mine"}).location == path
    assert "This page is out of date" in portal.text(path)
    assert gifts.found(voucher.id).status == "issued"


def test_what_was_not_used_in_time_comes_back_by_itself(portal, gifts):
    portal.earn(1000, days_ago=40)
    gifts.offer("mug", name="Blue mug", voucher_days=10)
    old = gifts.issue("mug", days_ago=20)
    text = portal.text(f"/vouchers/{old.id}")
    assert "Not used in time, points returned" in text
    assert "Was usable through" in text
    assert gifts.balance() == 1000
    # Due and not booked yet, then booked with the reward's name.
    assert "Got 500 points back: a voucher was not used in time" in portal.text("/history")
    with orm.writing(portal.session):
        ledger.settle(portal.session, at=portal.at, limit=10)
    assert "Got 500 points back: Blue mug was not used in time" in portal.text("/history")
    assert "Voucher not used in time" in portal.get("/home").select_one("#last").text


def test_the_history_names_rewards_and_leads_to_their_vouchers(portal, gifts, voucher):
    gifts.send(f"/vouchers/{voucher.id}/cancel", gifts.form(f"/vouchers/{voucher.id}/cancel"))
    text = portal.text("/history")
    assert "Turned 500 points into Blue mug" in text
    assert "Got 500 points back: Blue mug was cancelled" in text
    assert "On hold" not in text
    assert "Not paid yet" not in text
    page = portal.get("/history")
    stories = [line["hx-get"] for line in page.select("details.line")][:2]
    for story in stories:
        shown = portal.get(story)
        links = [link["href"] for link in shown.select(".story-facts a")]
        assert f"/vouchers/{voucher.id}" in links
        assert "On hold" not in shown.text
        assert portal.count(story) <= 8
    assert portal.count("/history") <= 8
    csv = portal.client.get("/history.csv").text
    assert "Turned 500 points into Blue mug" in csv
    assert "On hold" not in csv
    last = portal.get("/home").select_one("#last").text
    assert "Voucher cancelled: Blue mug" in last
    assert portal.count("/home") <= 8


def test_another_member_finds_nothing_of_it(portal, gifts, voucher):
    with orm.writing(portal.session):
        tom = members.create_customer(
            portal.session, identifiers=[], first_name="Tom", at=portal.at
        )
        ledger.open_account(portal.session, program_id="corner", customer_id=tom.id, at=portal.at)
        token = sessions.open(portal.session, customer_id=tom.id, at=portal.at).token
    fields = gifts.form(f"/vouchers/{voucher.id}/cancel")
    portal.client.set_cookie("session", token)
    for path in ("", "/show", "/cancel"):
        portal.get(f"/vouchers/{voucher.id}{path}", status=404)
    mine = gifts.form("/account", "/sign-out")
    answer = gifts.send(f"/vouchers/{voucher.id}/cancel", fields | mine)
    assert answer.status_code == 404
    assert gifts.found(voucher.id).status == "issued"
    assert "Blue mug" not in portal.text("/vouchers")


def test_the_pages_of_vouchers_ask_the_database_few_times(portal, gifts, voucher):
    paths = ["/vouchers"] + [f"/vouchers/{voucher.id}{path}" for path in ("", "/show", "/cancel")]
    few = {path: portal.count(path) for path in paths}
    portal.earn(5000)
    for _ in range(6):
        gifts.use(gifts.issue("mug"))
    for path, count in few.items():
        assert portal.count(path) == count <= 8, path


def test_a_households_vouchers_are_shown_to_who_may_use_its_points(portal, gifts, voucher):
    households = members.households
    with orm.writing(portal.session) as unit:
        tom = members.create_customer(unit, identifiers=[], first_name="Tom", at=portal.at)
        program = programs.find(unit, "corner")
        home = households.create_household(
            unit, name="Home", primary_id=tom.id, program=program, at=portal.at
        )
        both = {"household_id": home.id, "customer_id": portal.customer_id, "at": portal.at}
        households.invite(unit, by=tom.id, **both)
        households.accept(unit, household_id=home.id, by=portal.customer_id, at=portal.at)
    (purse,) = households.purses(portal.session, customer_id=tom.id)
    portal.earn(500, account_id=purse.account.id)
    gifts.offer("tea", name="Green tea")
    theirs = gifts.issue("tea", account_id=purse.account.id)
    assert "Green tea" not in portal.text("/vouchers")
    portal.get(f"/vouchers/{theirs.id}", status=404)
    with orm.writing(portal.session) as unit:
        households.allow(unit, may_send=True, by=tom.id, **both)
    assert "Green tea" in portal.text("/vouchers")
    page = portal.get(f"/vouchers/{theirs.id}")
    assert theirs.spoken_code.split("-")[0] in page.text
    assert portal.count("/vouchers") <= 8


def test_a_frozen_account_says_that_the_till_takes_no_voucher(portal, gifts, voucher):
    paths = [f"/vouchers/{voucher.id}", f"/vouchers/{voucher.id}/show"]
    for path in paths:
        assert "frozen" not in portal.text(path)
    with orm.writing(portal.session):
        ledger.freeze(portal.session, account_id=portal.account_id, at=portal.at)
    for path in paths:
        assert "the till cannot take this voucher until you unfreeze it" in portal.text(path)
