"""The card: a number that is printed, and a code that changes and ends when it is renewed."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from portal import orm
from portal.access import member_codes
from portal.access.errors import MemberCodeUsed, WrongMemberCode
from portal.web.member.drawing import barcode, qr
from portal.web.settings import pepper


def look(portal, code):
    with portal.app.app_context(), orm.recording(portal.session):
        return member_codes.look(
            portal.session, code=code, client="till", at=datetime.now(UTC), pepper=pepper()
        )


def codes(page):
    """The changing codes, in order, with when each stops to show, in milliseconds."""
    return [
        ("".join(code.select_one(".spoken").text.split()), int(code["data-until"]))
        for code in page.select("#codes .code")
    ]


def test_the_present_code_shows_and_those_to_come_wait(portal):
    page = portal.get("/card")
    found = codes(page)
    assert len(found) == 20
    assert [code.has_attr("hidden") for code in page.select("#codes .code")] == [False] + [
        True
    ] * 19
    ends = [until for _code, until in found]
    assert 0 < ends[0] <= 30_000
    assert [later - sooner for sooner, later in pairwise(ends)] == [30_000] * 19
    assert look(portal, found[0][0]).require() == portal.customer_id
    assert len({code for code, _until in found}) == 20
    first = page.select_one("#codes .code .qr-code")
    assert "".join(re.findall(r"\d", first["aria-label"])) == found[0][0]


def test_without_script_the_page_says_when_the_code_ends_and_loads_itself(portal):
    page = portal.get("/card")
    meta = page.select_one("noscript meta[http-equiv=refresh]")
    assert 1 <= int(meta["content"]) <= 31
    note = page.select_one("#codes .without-script")
    assert re.search(r"This code shows until \d\d:\d\d:\d\d and works once", note.text)
    assert note.a["href"] == "/card"


def test_htmx_gets_the_codes_alone(portal):
    page = portal.get("/card", htmx=True)
    assert page.select_one("#codes")["hx-trigger"] == "renew"
    assert not page.select("html, h1, .member-card")
    assert len(codes(page)) == 20


def test_a_code_that_was_used_makes_room_for_the_next(portal):
    used = codes(portal.get("/card"))[0][0]
    seen = look(portal, used)
    with orm.writing(portal.session):
        member_codes.accept(portal.session, seen)
    assert isinstance(look(portal, used).refusal, MemberCodeUsed)
    following = codes(portal.get("/card"))[0][0]
    assert following != used
    assert look(portal, following).require() == portal.customer_id


def test_renewing_ends_what_a_lost_phone_shows(portal, gifts):
    before = codes(portal.get("/card"))[0][0]
    answer = gifts.send("/card/renew", gifts.form("/account", "/card/renew"))
    assert answer.location == "/account"
    assert "Your code is a new one" in portal.text("/account")
    assert isinstance(look(portal, before).refusal, WrongMemberCode)
    assert look(portal, codes(portal.get("/card"))[0][0]).require() == portal.customer_id


def test_the_card_number_stands_under_the_code_bright_and_without_navigation(portal):
    portal.client.set_cookie("theme", "dark")
    page = portal.get("/card")
    assert page.html["data-theme"] == "light"
    assert not page.select("nav, footer")
    assert page.select_one(".member-card-number").text == "6300 0000 0000 0017"
    assert page.select_one(".member-card-name").text == "Rita"
    assert portal.get("/home").html["data-theme"] == "dark"


def test_who_has_no_card_number_shows_their_account(portal):
    with orm.writing(portal.session):
        portal.session.connection().exec_driver_sql("DELETE FROM identifier")
    assert portal.get("/card").select_one(".member-card-number").text == portal.account_id


def test_the_card_asks_the_database_few_times(portal):
    portal.get("/card")
    assert portal.count("/card") <= 8


@pytest.mark.parametrize(
    "text",
    [
        "6300000000000017",
        "9900000000000017",
        "990CY9AZKMR90P5M",
        "9999999999999999",
        "ABCDEFGHJKMNPQRS",
        "7",
        "123",
        "loy_06gztjcm0b213xy9kqde",
        "A b~!",
    ],
)
def test_a_barcode_says_what_it_should_to_a_decoder(text):
    drawn = barcode(text)
    wide, high = (int(drawn.split(f'{name}="')[1].split('"')[0]) for name in ("width", "height"))
    picture = Image.new("L", (wide, high), 255)
    pen = ImageDraw.Draw(picture)
    for start, length in re.findall(r"M(\d+) 0h(\d+)v", drawn.split('fill="#000"')[1]):
        left = 2 * int(start)
        pen.rectangle((left, 0, left + 2 * int(length) - 1, high), fill=0)
    assert [(one.text, one.format.name) for one in zxingcpp.read_barcodes(picture)] == [
        (text, "Code128")
    ]


def test_a_name_that_no_barcode_can_say_is_left_to_the_qr_code(portal):
    with orm.writing(portal.session):
        portal.session.connection().exec_driver_sql("DELETE FROM identifier")
        portal.session.connection().exec_driver_sql("UPDATE account SET external_id = 'Zoë-7'")
    for path in ("/card", "/home"):
        card = portal.get(path).select_one(".member-card")
        assert card.select_one(".member-card-number").text == "Zoë-7"
        assert not card.select(".bar-code")
        assert card.select(".qr-code")


def test_codes_are_drawn_black_on_white_with_their_quiet_zone():
    drawn = qr("6300000000000017", "Your card")
    assert 'fill="#fff" d="M0 0h29v29h-29z"' in drawn
    starts = [int(start) for start in re.findall(r"M(\d+) \d+h", drawn.split('fill="#000"')[1])]
    assert min(starts) == 4
    bars = barcode("6300000000000017")
    starts = [int(start) for start in re.findall(r"M(\d+) 0h", bars.split('fill="#000"')[1])]
    assert min(starts) == 10
    assert 'aria-hidden="true"' in bars
    assert "&lt;&#34;" in qr("x", '<"')
    assert timedelta(seconds=30) == member_codes.STEP
