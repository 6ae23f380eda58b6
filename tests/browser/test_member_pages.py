"""A member reads home and history in a real browser: by eye, by keyboard, without script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

PHONE = {"width": 360, "height": 640}
DESKTOP = {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 640}
TABS = 60
"""The navigation at the bottom of a phone, in CSS pixels."""

pytestmark = pytest.mark.browser

each_look = pytest.mark.parametrize("scheme", ["light", "dark"])
each_size = pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
each_script = pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])


def assert_accessible(page):
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def assert_no_sideways_scrolling(page):
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def story_of_the_first(page):
    return page.locator("details.line").first.get_attribute("hx-get")


@each_look
@each_size
def test_axe_finds_nothing(visit, scheme, viewport):
    visitor = visit("Rita", viewport=viewport, scheme=scheme)
    page = visitor.go("/history")
    story = story_of_the_first(page)
    shapes = f"{viewport['width']}-{scheme}"
    for path in ("/home", "/home?program=bistro", "/history", "/history?type=transfer", story):
        page = visitor.go(path)
        assert_accessible(page)
        assert_no_sideways_scrolling(page)
        visitor.shot(f"{path[1:13]}-{shapes}")
    page = visitor.go("/history?program=corner")
    page.locator("details.line summary").first.click()
    page.locator("details.line .story").first.wait_for()
    page.locator(".filters summary").click()
    assert_accessible(page)
    visitor.go("/home?program=corner").locator(".hero-code").click()
    page.wait_for_url("**/card")
    assert_accessible(page)
    assert visitor.complaints == []


@each_look
@pytest.mark.parametrize("name", ["Tom", "Nova"])
def test_axe_finds_nothing_in_debt_and_in_emptiness(visit, scheme, name):
    visitor = visit(name, scheme=scheme)
    for path in ("/home", "/history"):
        assert_accessible(visitor.go(path))
        visitor.shot(f"{name}-{path[1:]}-{scheme}")
    assert visitor.complaints == []


@each_look
@each_size
def test_axe_finds_nothing_on_what_orders_did(visit, scheme, viewport):
    visitor = visit("Olga", viewport=viewport, scheme=scheme)
    shapes = f"{viewport['width']}-{scheme}"
    page = visitor.go("/home")
    tier = page.locator("#tier")
    assert "You are Silver" in tier.inner_text()
    assert "Free delivery" in tier.inner_text()
    assert "Waiting for your review" in page.locator("#promised").inner_text()
    assert "On hold until" in page.locator("#last").inner_text()
    assert_accessible(page)
    assert_no_sideways_scrolling(page)
    visitor.shot(f"orders-home-{shapes}")
    page = visitor.go("/history")
    stories = [line.get_attribute("hx-get") for line in page.locator("details.line").all()]
    assert_accessible(page)
    # On hold, taken back, given back, promised, earned, spent: one of each.
    for number, story in enumerate(stories[:6]):
        page = visitor.go(story)
        assert_accessible(page)
        assert_no_sideways_scrolling(page)
        visitor.shot(f"orders-story-{number}-{shapes}")
    assert visitor.complaints == []


@each_script
def test_an_order_is_followed_from_what_it_earned_to_what_paid_for_it(visit, script):
    visitor = visit("Olga", script=script)
    page = visitor.go("/history?type=earn")
    line = page.locator("details.line", has_text="Earned 60 points")
    line.locator("summary").click()
    if script:
        line.locator(".story").wait_for()
    else:
        line.get_by_role("link", name="See where it came from").click()
        page.wait_for_url("**/history/ptx_*")
    assert "1 point per €1 on €40.10 = 40" in page.locator(".story-why").first.inner_text()
    page.get_by_role("link", name="Paid with points").first.click()
    page.wait_for_url("**/history/ptx_*")
    assert "Spent 200 points" in page.locator("h1").inner_text()
    page.get_by_role("link", name="Given back after a return").click()
    expect(page.locator("h1")).to_contain_text("back")
    assert visitor.complaints == []


@each_look
def test_axe_finds_nothing_on_an_error_page(visit, scheme):
    visitor = visit("Rita", scheme=scheme)
    page = visitor.go("/history/ptx_nothing-1")
    assert visitor.status == 404
    assert_accessible(page)
    assert_no_sideways_scrolling(page)
    visitor.shot(f"not-found-{scheme}")


def test_nothing_scrolls_sideways_on_the_narrowest_phone(visit):
    visitor = visit("Rita", viewport=NARROW)
    story = story_of_the_first(visitor.go("/history"))
    for path in ("/home", "/home?program=bistro", "/history?program=corner", story):
        assert_no_sideways_scrolling(visitor.go(path))
    visitor = visit("Tom", viewport=NARROW)
    assert_no_sideways_scrolling(visitor.go("/home"))


@each_script
def test_home_answers_in_the_first_screen_of_a_phone(visit, script):
    visitor = visit("Rita", script=script)
    page = visitor.go("/home?program=corner")
    visitor.shot(f"home-top-{script}")
    edge = PHONE["height"] - TABS
    for part in (".hero-number", ".hero-worth", ".hero-line", ".hero-code .qr", ".facts"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= edge, part
    lines = page.locator("#last li")
    assert lines.count() == 5
    last = lines.nth(4).bounding_box()
    assert last["y"] + last["height"] <= edge


@each_script
def test_the_code_for_the_till_opens_and_closes_by_keyboard(visit, script):
    visitor = visit("Rita", script=script)
    page = visitor.go("/home?program=corner")
    page.locator(".hero-code").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/card")
    assert page.locator("#codes .code:visible").count() == 1
    assert "6300 0000 0000 0017" in page.inner_text("#card")
    page.get_by_role("link", name="Close").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")


@each_size
def test_filter_open_a_line_and_page_on_with_script(visit, viewport):
    visitor = visit("Rita", viewport=viewport)
    page = visitor.go("/history?program=corner")
    page.get_by_label("Spent").check(force=True)
    page.wait_for_url("**/history?program=corner&type=redeem")
    expect(page.locator(".line")).to_have_count(4)
    expect(page.locator("#csv")).to_have_attribute("href", re.compile("type=redeem"))
    expect(page.locator("#status")).to_have_text("4 movements")
    # The checkbox that was pressed still has the focus.
    assert page.evaluate("document.activeElement.value") == "redeem"
    page.locator("details.line summary").first.click()
    story = page.locator("details.line .story").first
    story.wait_for()
    assert "Which of your points it took" in story.inner_text()
    visitor.shot(f"history-open-{viewport['width']}")
    page.go_back()
    page.wait_for_url("**/history?program=corner")
    expect(page.locator(".line").nth(19)).to_be_attached()
    before = page.locator(".line").count()
    page.locator("#older").scroll_into_view_if_needed()
    expect(page.locator(".line").nth(before)).to_be_attached()
    assert_no_sideways_scrolling(page)
    assert visitor.complaints == []


@each_size
def test_filter_open_a_line_and_page_on_without_script(visit, viewport):
    visitor = visit("Rita", viewport=viewport, script=False)
    page = visitor.go("/history?program=corner")
    page.get_by_label("Spent").check(force=True)
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/history?*type=redeem*")
    assert page.locator(".line").count() == 4
    page.locator("details.line summary").first.click()
    page.get_by_role("link", name="See where it came from").first.click()
    page.wait_for_url("**/history/ptx_*")
    assert "Which of your points it took" in page.inner_text("main")
    page = visitor.go("/history?program=corner")
    page.locator("#older").click()
    page.wait_for_url("**cursor=*")
    assert page.locator(".line").count() >= 10
    assert visitor.complaints == []


def test_the_whole_history_by_keyboard_alone(visit):
    visitor = visit("Rita", viewport=DESKTOP)
    page = visitor.go("/history?program=corner")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY" and page.evaluate(
            "!!document.activeElement.closest('.line')"
        ):
            break
    page.keyboard.press("Enter")
    page.locator("details.line .story").first.wait_for()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_light_or_dark_is_kept_and_needs_no_script(visit):
    visitor = visit("Rita", scheme="light", script=False)
    page = visitor.go("/home")
    page.get_by_role("button", name="Dark").click()
    page.wait_for_url("**/home")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == "rgb(19, 18, 16)"
    page.get_by_role("button", name="As my device").click()
    page.wait_for_url("**/home")
    assert page.locator("html").get_attribute("data-theme") == "auto"


def test_nothing_comes_from_elsewhere_and_nothing_is_kept_in_the_browser(visit):
    visitor = visit("Rita")
    asked = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = visitor.go("/history")
    page.get_by_label("Spent").check(force=True)
    page.wait_for_url("**type=redeem*")
    assert all(url.startswith((visitor.live.url, "data:")) for url in asked)
    # htmx notes the address it is at, and nothing of what it shows.
    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert set(kept) <= {"htmx-current-path-for-history"}
    assert visitor.complaints == []
