"""A member turns points into a voucher: by eye, by keyboard, without script, in the dark."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_member_pages import (
    assert_accessible,
    assert_no_sideways_scrolling,
    each_look,
    each_script,
    each_size,
)

NARROW = {"width": 320, "height": 640}
DESKTOP = {"width": 1280, "height": 800}

pytestmark = pytest.mark.browser


def pages(member):
    """Every page of rewards, by a name for its picture."""
    used, held = member.voucher("trees"), member.voucher("coffee")
    return {
        "catalogue": "/rewards",
        "none": "/rewards?category=coffee&now=1",
        "detail": "/rewards/bag",
        "refused": "/rewards/pot",
        "far": "/rewards/course",
        "tier": "/rewards/evening",
        "confirm": "/rewards/five/confirm",
        "confirm-donation": "/rewards/trees/confirm",
        "vouchers": "/vouchers",
        "voucher": f"/vouchers/{held.id}",
        "voucher-used": f"/vouchers/{used.id}",
        "voucher-full": f"/vouchers/{held.id}/show",
        "voucher-cancel": f"/vouchers/{held.id}/cancel",
        "card": "/card",
        "home": "/home",
        "account": "/account",
        "history": "/history",
    }


@each_look
@each_size
def test_axe_finds_nothing(visit, someone, scheme, viewport):
    member = someone()
    visitor = visit(member.name, viewport=viewport, scheme=scheme)
    for name, path in pages(member).items():
        page = visitor.go(path)
        assert visitor.status == 200, path
        assert_accessible(page)
        assert_no_sideways_scrolling(page)
        visitor.shot(f"{name}-{viewport['width']}-{scheme}")
    assert visitor.complaints == []


@each_look
def test_axe_finds_nothing_where_there_is_nothing(visit, someone, scheme):
    visitor = visit(someone(points=1).name, scheme=scheme)
    for path in ("/rewards", "/rewards?now=1", "/vouchers"):
        assert_accessible(visitor.go(path))
    visitor.go("/vouchers/vou_nothing")
    assert visitor.status == 404
    assert_accessible(visitor.page)


def test_nothing_scrolls_sideways_on_the_narrowest_phone(visit, someone):
    member = someone()
    visitor = visit(member.name, viewport=NARROW)
    for path in pages(member).values():
        assert_no_sideways_scrolling(visitor.go(path))


@each_script
@each_size
def test_from_the_catalogue_to_the_voucher_and_back(visit, someone, script, viewport):
    member = someone()
    visitor = visit(member.name, script=script, viewport=viewport)
    page = visitor.go("/home")
    page.locator(".fact-reward").click()
    page.get_by_role("link", name="Five euros off").click()
    page.get_by_role("link", name="Get it for 500 points").click()
    sums = page.locator(".sums").inner_text()
    assert "1,240 points" in sums
    assert "740 points" in sums
    page.get_by_role("button", name="Spend 500 points").click()
    page.wait_for_url("**/vouchers/vou_*")
    expect(page.locator("h1")).to_have_text("Five euros off")
    held = member.vouchers()[0]
    assert "".join(page.locator(".spoken").inner_text().split()) == held.code
    assert member.balance() == 740
    page.get_by_role("link", name="Show full screen").click()
    page.wait_for_url("**/show")
    page.get_by_role("link", name="Close").click()
    page.get_by_role("link", name="Cancel it and get 500 points back").click()
    page.get_by_role("button", name="Cancel the voucher").click()
    page.wait_for_url("**/vouchers/vou_*")
    assert "Your 500 points are back" in page.inner_text("main")
    assert member.balance() == 1240
    page.get_by_role("link", name="My vouchers").click()
    assert "Cancelled, points returned" in page.inner_text("main")
    assert visitor.complaints == []


@each_script
def test_the_back_button_and_a_double_click_take_it_once(visit, someone, script):
    member = someone()
    visitor = visit(member.name, script=script)
    page = visitor.go("/rewards/five/confirm")
    page.get_by_role("button", name="Spend 500 points").dblclick(no_wait_after=True)
    page.wait_for_url("**/vouchers/vou_*")
    assert len(member.vouchers()) == 1
    assert member.balance() == 740


@each_script
def test_what_sold_out_meanwhile_is_said_where_they_are(visit, someone, script):
    first, second = someone(points=9000), someone()
    visitor = visit(second.name, script=script)
    page = visitor.go("/rewards/bag/confirm")
    taken = [first.voucher("bag") for _ in range(3)]
    page.get_by_role("button", name="Spend 800 points").click()
    alert = page.locator("#agree [role=alert]")
    expect(alert).to_contain_text("Somebody was quicker")
    expect(alert).to_contain_text("Nothing was taken from you.")
    if script:
        expect(alert).to_be_focused()
        assert_accessible(page)
    assert second.balance() == 1240
    for voucher in taken:
        first.give_back(voucher)


def press_until(page, wanted, key="Tab", most=60):
    """Walk by keyboard until what has the focus says this."""
    for _ in range(most):
        page.keyboard.press(key)
        said = page.evaluate("document.activeElement.innerText || ''")
        if wanted in " ".join(said.split()):
            return
    raise AssertionError(f"the keyboard never reached {wanted!r}")


def test_the_whole_of_it_by_keyboard_alone(visit, someone):
    member = someone()
    visitor = visit(member.name, viewport=DESKTOP)
    page = visitor.go("/rewards")
    press_until(page, "Filter coffee")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rewards/coffee")
    press_until(page, "Get it for 150 points")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm")
    press_until(page, "Spend 150 points")
    page.keyboard.press("Enter")
    page.wait_for_url("**/vouchers/vou_*")
    press_until(page, "Cancel it and get 150 points back")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cancel")
    press_until(page, "Cancel the voucher")
    page.keyboard.press("Enter")
    page.wait_for_url("**/vouchers/vou_*")
    assert "Your 150 points are back" in page.inner_text("main")
    assert member.balance() == 1240


def test_the_filters_work_by_themselves_with_script(visit, someone):
    visitor = visit(someone().name)
    page = visitor.go("/rewards")
    page.get_by_label("Money off").check(force=True)
    page.wait_for_url("**/rewards?category=money%20off")
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator("#status")).to_have_text("2 rewards")
    page.get_by_role("checkbox", name="Can have now").check(force=True)
    page.wait_for_url("**now=1**")
    assert page.evaluate("document.activeElement.name") == "now"
    page.go_back()
    page.wait_for_url("**/rewards?category=money%20off")
    expect(page.locator(".tile")).to_have_count(2)
    assert visitor.complaints == []


def test_the_filters_work_by_a_button_without_script(visit, someone):
    visitor = visit(someone().name, script=False)
    page = visitor.go("/rewards")
    page.get_by_label("Money off").check(force=True)
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**category=money+off*")
    assert page.locator(".tile").count() == 2


def test_pictures_come_with_their_size_and_once(visit, someone):
    visitor = visit(someone().name, viewport=DESKTOP)
    asked = []
    visitor.page.on("request", lambda one: asked.append(one.url))
    page = visitor.go("/rewards")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    images = page.locator(".tile img")
    for number in range(images.count()):
        image = images.nth(number)
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") == 480
    assert all(url.startswith(visitor.live.url) for url in asked)


def test_nothing_of_it_is_kept_in_the_browser(visit, someone):
    member = someone()
    visitor = visit(member.name)
    for path in ("/rewards", f"/vouchers/{member.voucher('coffee').id}", "/card"):
        page = visitor.go(path)
        kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
        assert set(kept) <= {"htmx-current-path-for-history"}
        assert page.evaluate("indexedDB.databases().then(found => found.length)") == 0
    assert visitor.complaints == []
