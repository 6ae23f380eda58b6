"""What a member shows is scanned from the screen, and the till goes on with what it read."""

import pytest

from tests.api.client import Refused
from tests.browser.test_member_pages import each_look

pytestmark = pytest.mark.browser


@each_look
def test_a_scanned_code_quotes_and_pays_once(screen, someone, till, scan, scheme):
    member = someone()
    page = screen(member.name, scheme).go("/card")
    read = scan(page.locator("#codes .code:visible").screenshot())
    assert len(read) == 1
    code = read.pop()
    holder = {"identifier": {"type": "member_code", "value": code}}
    quote = till.quote(value=1000, **holder)
    assert quote["spendable"] == 1240
    assert quote["refusals"] == []
    # The quote remembers that the member was there; the code itself is used up.
    order = {"value": 1000, "redeem": {"points": 300}, "account": member.account_id}
    paid = till.order(f"scan-{member.card_number}", quote=quote["id"], **order)
    assert paid["amount_due"] == 700
    assert member.balance() == 940
    with pytest.raises(Refused) as refused:
        till.quote(value=1000, **holder)
    assert refused.value.code == "member_code_used"
    for again, why in (
        ({"quote": quote["id"]}, "quote_used"),
        ({"approval": {"member_code": code}}, "member_code_used"),
    ):
        with pytest.raises(Refused) as refused:
            till.order(f"{why}-{member.card_number}", **order, **again)
        assert refused.value.code == why
    assert member.balance() == 940


@each_look
def test_the_card_is_read_by_both_of_its_codes(screen, someone, till, scan, scheme):
    member = someone()
    visitor = screen(member.name, scheme)
    page = visitor.go("/card")
    assert scan(page.locator(".member-card-qr").screenshot()) == {member.card_number}
    assert scan(page.locator(".member-card-bars").screenshot()) == {member.card_number}
    page = visitor.go("/home")
    assert scan(page.locator(".hero-code .qr").screenshot()) == {member.card_number}
    assert scan(page.locator("#card .member-card").screenshot()) == {member.card_number}
    holder = {"identifier": {"type": "card_number", "value": member.card_number}}
    assert till.quote(value=1000, **holder)["spendable"] == 1240


@each_look
@pytest.mark.parametrize("full", [False, True], ids=["page", "full-screen"])
def test_a_scanned_voucher_is_honoured_once(screen, someone, till, scan, scheme, full):
    member = someone()
    voucher = member.voucher("five")
    path = f"/vouchers/{voucher.id}/show" if full else f"/vouchers/{voucher.id}"
    page = screen(member.name, scheme).go(path)
    assert scan(page.locator(".bright .qr").screenshot()) == {voucher.code}
    read = scan(page.locator(".bright .bars").screenshot())
    assert read == {voucher.code}
    used = till.use_voucher(read.pop(), receipt=f"v-{voucher.id}", value=1200)
    assert used["status"] == "used"
    with pytest.raises(Refused) as refused:
        till.use_voucher(voucher.code, receipt=f"w-{voucher.id}", value=1200)
    assert refused.value.code == "voucher_used"
    page.reload()
    assert "Used at Corner Lisboa" in page.inner_text("main")


def test_a_voucher_read_aloud_is_honoured_too(visit, someone, till):
    member = someone()
    voucher = member.voucher("coffee")
    page = visit(member.name).go(f"/vouchers/{voucher.id}")
    groups = page.locator(".bright .spoken span").all_inner_texts()
    heard = " ".join(groups).lower().replace("0", "o").replace("1", "l")
    assert till.use_voucher(heard.replace(" ", "-"))["status"] == "used"
