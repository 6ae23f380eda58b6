"""A member sends points and keeps a household in a real browser: by keyboard, without script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 640}
KIM = "+44 7400 001012"

pytestmark = pytest.mark.browser

each_script = pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
each_shape = pytest.mark.parametrize(
    ("name", "viewport", "scheme"),
    [("Sam4", PHONE, "light"), ("Sam5", PHONE, "dark"), ("Sam6", DESKTOP, "light"),
     ("Sam7", DESKTOP, "dark")],
    ids=["phone-light", "phone-dark", "desktop-light", "desktop-dark"],
)  # fmt: skip


def assert_good(visitor):
    """Nothing for axe to find, and nothing that scrolls sideways."""
    results = Axe().run(visitor.page)
    assert results.violations_count == 0, results.generate_report()
    width = visitor.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], visitor.page.url


def only_refusals(visitor):
    """The console's complaints, without its word on refusals that we meant."""
    return [one for one in visitor.complaints if "Failed to load resource" not in one]


def tab_to(page, selector, limit=40):
    """Press Tab until this has the focus, as somebody without a mouse does."""
    for _ in range(limit):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way by keyboard to {selector}")


@each_script
def test_points_are_sent_by_keyboard_alone(visit, script):
    name = "Sam0" if script else "Sam1"
    visitor = visit(name, viewport=PHONE, script=script)
    page = visitor.go("/send")
    tab_to(page, "#recipient")
    page.keyboard.type(KIM)
    tab_to(page, "#amount")
    page.keyboard.type("150")
    tab_to(page, "#note")
    page.keyboard.type("For lunch")
    tab_to(page, ".send-form .button-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/send/trq_*")
    review = page.url
    assert "150" in page.locator(".review").inner_text()
    assert "Ki… R… (…12)" in page.locator(".review").inner_text()
    assert "120 points through" in page.locator(".review-dates").inner_text()
    tab_to(page, ".review-acts .button-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/code")
    expect(page.locator("#code")).to_be_focused()
    code = visitor.code(name)
    page.keyboard.type("000000" if code != "000000" else "111111")
    page.keyboard.press("Enter")
    expect(page.locator(".field-error")).to_contain_text("You can try 4 more times.")
    # The summary takes the focus, and the status says it, where there is script for it.
    if script:
        expect(page.locator(".error-summary")).to_be_focused()
        expect(page.locator("#status")).to_contain_text("not the code")
    tab_to(page, "#code")
    page.keyboard.press("Control+A")
    page.keyboard.type(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/transfers/trf_*")
    assert page.locator("h1").inner_text() == "You sent 150 points"
    # Back is safe: it leads to the receipt again. (Without script the page before
    # is the answer to a form, which the browser itself asks about.)
    receipt = page.url
    if script:
        page.go_back()
    else:
        page.goto(review)
    page.wait_for_url(receipt)
    tab_to(page, "a[href^='/history/ptx_']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/history/ptx_*")
    assert "Sent 150 points" in page.inner_text("main")
    assert only_refusals(visitor) == []


@each_script
def test_a_refusal_keeps_what_was_typed(visit, script):
    visitor = visit("Sam2", viewport=PHONE, script=script)
    page = visitor.go("/send")
    page.fill("#recipient", "nobody")
    page.fill("#amount", "5000")
    page.fill("#note", "Something long that must not be lost")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#recipient-error")).to_be_visible()
    assert page.input_value("#recipient") == "nobody"
    assert page.input_value("#amount") == "5000"
    assert page.input_value("#note") == "Something long that must not be lost"
    page.fill("#recipient", KIM)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#amount-error")).to_contain_text("at most")
    assert page.input_value("#recipient") == KIM
    if script:
        expect(page.locator(".error-summary")).to_be_focused()
        expect(page.locator("#status")).to_contain_text("Please check")
        assert_good(visitor)
    assert only_refusals(visitor) == []


@each_script
def test_whoever_comes_back_goes_on_or_forgets_it(visit, script):
    visitor = visit("Sam3", viewport=PHONE, script=script)
    page = visitor.go("/send")
    page.fill("#recipient", KIM)
    page.locator(".everything input").check(force=True)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#amount-error")).to_contain_text("500 points at a time")
    page.locator(".everything input").uncheck(force=True)
    page.fill("#amount", "40")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/send/trq_*")
    page = visitor.go("/send")
    assert "You were about to send 40 points to Ki… R…" in page.inner_text("main")
    page.get_by_role("link", name="Go on").click()
    page.wait_for_url("**/send/trq_*")
    page.get_by_role("link", name="Change").click()
    page.wait_for_url("**/send?change=*")
    assert page.input_value("#amount") == "40"
    # Whom they chose stands there as a choice; the field for others is out of the way.
    assert page.locator(".pick input:checked").get_attribute("value").startswith("r1")
    assert not page.locator("#recipient").is_visible()
    page.fill("#amount", "45")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/send/trq_*")
    assert "45" in page.locator(".review-figure").inner_text()
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url("**/send")
    assert "Cancelled. Nothing was sent." in page.inner_text("main")
    assert only_refusals(visitor) == []


@each_shape
def test_axe_finds_nothing_on_the_way(visit, name, viewport, scheme):
    visitor = visit(name, viewport=viewport, scheme=scheme)
    shape = f"{viewport['width']}-{scheme}"
    page = visitor.go("/send")
    assert_good(visitor)
    page.get_by_role("button", name="Continue").click()
    page.locator(".error-summary").wait_for()
    assert_good(visitor)
    visitor.shot(f"send-wrong-{shape}")
    page.fill("#recipient", KIM)
    page.fill("#amount", "30")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/send/trq_*")
    assert_good(visitor)
    visitor.shot(f"review-{shape}")
    page.locator(".review-acts .button-primary").click()
    page.wait_for_url("**/code")
    assert_good(visitor)
    page.fill("#code", "12")
    page.keyboard.press("Enter")
    page.locator(".field-error").wait_for()
    assert_good(visitor)
    page.fill("#code", visitor.code(name))
    page.keyboard.press("Enter")
    page.wait_for_url("**/transfers/trf_*")
    assert_good(visitor)
    visitor.shot(f"receipt-{shape}")
    for path in (
        "/transfers", "/send", "/receive", "/account", "/account/freeze", "/households",
        "/households/new", "/send/trq_nothing",
    ):  # fmt: skip
        visitor.go(path)
        assert_good(visitor)
        visitor.shot(f"{path[1:].replace('/', '-')}-{shape}")
    visitor.page.set_viewport_size(NARROW)
    for path in ("/send", "/receive", "/account", "/transfers"):
        visitor.go(path)
        assert_good(visitor)
    assert only_refusals(visitor) == []


@each_shape
def test_axe_finds_nothing_in_a_household(visit, name, viewport, scheme):
    shape = f"{viewport['width']}-{scheme}"
    for who in ("Hana", "Kim", "Ivo"):
        visitor = visit(who, viewport=viewport, scheme=scheme)
        home = f"/households/{visitor.live.tokens['crew id']}"
        page = visitor.go(home)
        assert_good(visitor)
        for detail in page.locator("details > summary").all():
            detail.click()
        assert_good(visitor)
        visitor.shot(f"household-{who}-{shape}")
        visitor.page.set_viewport_size(NARROW)
        assert_good(visitor)
        if who != "Ivo":
            visitor.page.set_viewport_size(viewport)
            visitor.go(f"{home}/history")
            assert_good(visitor)
        assert only_refusals(visitor) == []


@each_script
def test_a_household_is_led_without_a_mouse(visit, script):
    visitor = visit("Hana", viewport=PHONE, script=script)
    page = visitor.go(f"/households/{visitor.live.tokens['crew id']}")
    row = page.locator(".people li", has_text="Kim")
    may = "May send" in row.inner_text()
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    row.locator("form[action$='/allow'] button").focus()
    page.keyboard.press("Enter")
    told = "They may no longer send." if may else "They may send and spend what is in it."
    expect(page.locator(".alert-good")).to_contain_text(told)
    if script:
        expect(page.locator("h1")).to_be_focused()
        expect(page.locator("#status")).to_have_text(told)
    page.locator("#identifier").focus()
    page.keyboard.type("nonsense")
    page.keyboard.press("Enter")
    expect(page.locator(".field-error")).to_be_visible()
    assert page.input_value("#identifier") == "nonsense"
    assert only_refusals(visitor) == []


def test_five_places_fit_into_the_navigation_of_the_narrowest_phone(visit):
    visitor = visit("Hana", viewport=NARROW)
    page = visitor.go("/send")
    assert page.locator(".site-nav a").count() == 5
    for place in page.locator(".site-nav a").all():
        box = place.bounding_box()
        assert box["width"] >= 44
        assert box["height"] >= 44
        wide = place.locator("span").evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert wide[0] <= box["width"]
    assert_good(visitor)


def test_a_qr_is_opened_by_another_phone(visit):
    kim = visit("Kim", viewport=PHONE)
    address = kim.go("/receive").locator("[data-copy]").get_attribute("data-copy")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/send\?to=r1[\w-]+", address)
    visitor = visit("Sam8", viewport=PHONE)
    page = visitor.go(address.removeprefix(visitor.live.url))
    assert page.locator(".pick input:checked + .pick-face").inner_text() == "Ki… R… (…12)"
    visitor.shot("send-from-qr")
    assert only_refusals(visitor) == []
