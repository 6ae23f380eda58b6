"""The code on the card changes with time, whatever the device's clock says and the network does."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.test_member_pages import assert_accessible, assert_no_sideways_scrolling

pytestmark = pytest.mark.browser

STEP_MS = 30_000


def open_card(visitor):
    """The card, at a moment when its first code has time left to be looked at."""
    left = -time.time() % (STEP_MS / 1000)
    if left < 12:
        time.sleep(left + 0.2)
    return visitor.go("/card")


def delivered(page):
    """The codes that came with the page, and when each stops to show."""
    return page.eval_on_selector_all(
        "#codes .code",
        "codes => codes.map(code => "
        "[code.querySelector('.spoken').textContent.replace(/\\s/g, ''), +code.dataset.until])",
    )


def shown(page):
    """The code that is shown; None where none is."""
    seen = page.locator("#codes .code:visible .spoken")
    return "".join(seen.inner_text().split()) if seen.count() else None


def test_the_code_changes_every_thirty_seconds(visit, someone):
    visitor = visit(someone().name)
    visitor.page.clock.install()
    page = open_card(visitor)
    codes = delivered(page)
    assert shown(page) == codes[0][0]
    page.clock.run_for(codes[0][1] + 500)
    assert shown(page) == codes[1][0]
    assert page.locator("#codes .code:visible").count() == 1
    page.clock.run_for(STEP_MS)
    assert shown(page) == codes[2][0]
    # The installed clock goes on by itself, too: a slow machine sees less left.
    bar = page.locator("[data-left]")
    left = float(bar.evaluate("bar => bar.value"))
    assert 15 <= left <= 30
    page.clock.run_for(10_000)
    assert float(bar.evaluate("bar => bar.value")) <= left - 9
    assert visitor.complaints == []


@pytest.mark.parametrize("when", ["2001-01-01T00:00:00", "2061-01-01T00:00:00"])
def test_a_wrong_clock_changes_nothing(visit, someone, till, when):
    member = someone()
    visitor = visit(member.name)
    visitor.page.clock.install(time=when)
    page = open_card(visitor)
    codes = delivered(page)
    assert shown(page) == codes[0][0]
    quote = till.quote(value=1000, identifier={"type": "member_code", "value": shown(page)})
    assert quote["spendable"] == 1240
    page.clock.run_for(codes[0][1] + 500)
    assert shown(page) == codes[1][0]


def test_codes_are_asked_for_quietly_before_they_run_out(visit, someone):
    visitor = visit(someone().name)
    visitor.page.clock.install()
    page = open_card(visitor)
    asked = []
    page.on("request", lambda one: asked.append(one.headers.get("hx-request")))
    first = delivered(page)
    with page.expect_response("**/card"):
        page.clock.run_for(first[-1][1] // 2 + 2000)
    page.clock.run_for(1000)
    expect(page.locator("#codes .code")).to_have_count(20)
    second = delivered(page)
    assert asked == ["true"]
    # Little real time has passed for the server: it gave the codes of its present.
    assert shown(page) == second[0][0]
    assert page.locator("#status").inner_text() == ""
    assert page.locator("#problem").inner_text() == ""
    assert page.evaluate("document.documentElement.classList.contains('waiting')") is False
    page.clock.run_for(second[0][1] + 500)
    assert shown(page) == second[1][0]
    assert visitor.complaints == []


def test_a_phone_that_slept_goes_on_at_the_right_code(visit, someone):
    visitor = visit(someone().name)
    visitor.page.clock.install(time="2026-01-01T12:00:00")
    page = open_card(visitor)
    codes = delivered(page)
    # Asleep, one clock stands still and the other goes on.
    page.clock.set_system_time("2026-01-01T12:01:10")
    page.clock.run_for(500)
    late = next(code for code, until in codes if until > 70_500)
    assert shown(page) == late


def test_without_a_network_it_goes_on_then_says_so_and_falls_back_to_the_card(visit, someone):
    member = someone()
    visitor = visit(member.name)
    visitor.page.clock.install()
    page = open_card(visitor)
    codes = delivered(page)
    visitor.context.set_offline(True)
    page.clock.run_for(codes[10][1] + 500)
    assert shown(page) == codes[11][0]
    ran_out = page.locator("[data-ran-out]")
    assert not ran_out.is_visible()
    page.clock.run_for(codes[-1][1] - codes[10][1])
    assert shown(page) is None
    assert ran_out.is_visible()
    assert "Show your card below instead" in ran_out.inner_text()
    number = "".join(page.locator(".member-card-number").inner_text().split())
    assert number == member.card_number
    visitor.context.set_offline(False)
    with page.expect_response("**/card"):
        page.clock.run_for(16_000)
    page.clock.run_for(1000)
    expect(ran_out).to_be_hidden()
    assert shown(page) == delivered(page)[0][0]
    assert page.locator("#problem").inner_text() == ""


def test_running_out_is_accessible_too(visit, someone):
    visitor = visit(someone().name)
    page = open_card(visitor)
    page.eval_on_selector_all(
        "#codes .code", "codes => { for (const code of codes) code.dataset.until = 0; }"
    )
    expect(page.locator("[data-ran-out]")).to_be_visible()
    assert_accessible(page)
    assert_no_sideways_scrolling(page)


def test_without_script_the_page_shows_one_code_and_a_way_to_the_next(visit, someone, till):
    member = someone()
    visitor = visit(member.name, script=False)
    page = open_card(visitor)
    code = shown(page)
    assert page.locator("#codes .code:visible").count() == 1
    assert "This code shows until" in page.inner_text("#codes")
    till.quote(value=1000, identifier={"type": "member_code", "value": code})
    page.get_by_role("link", name="Show a new one").click()
    page.wait_for_url("**/card")
    assert shown(page)


def test_printed_it_is_a_card_of_the_usual_size(visit, someone, scan):
    member = someone()
    visitor = visit(member.name, viewport={"width": 1280, "height": 800}, scheme="dark")
    page = visitor.go("/card")
    page.emulate_media(media="print")
    card = page.locator(".member-card")
    box = card.bounding_box()
    millimetre = 96 / 25.4
    assert box["width"] == pytest.approx(85.6 * millimetre, abs=1)
    assert box["height"] == pytest.approx(54 * millimetre, abs=1)
    assert not page.locator("#codes").is_visible()
    assert not page.locator("h1").is_visible()
    overflow = card.evaluate("card => [card.scrollHeight, card.clientHeight]")
    assert overflow[0] <= overflow[1] + 1
    assert scan(card.screenshot()) == {member.card_number}
