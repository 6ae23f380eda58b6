"""The program file: what it takes, what it refuses, and what silence means."""

import copy
from decimal import Decimal

import pytest

from portal.programs import schema
from portal.programs.errors import InvalidProgram
from portal.programs.expiry import AfterDays, AfterInactivity, AfterMonths, Never, Yearly
from portal.programs.program import Approval, RefundPolicy, TierBasis, from_document

SAMPLE = {
    "id": "corner",
    "name": "Corner Points",
    "currency": "PTS",
    "decimals": 0,
    "unit": {"one": "point", "other": "points"},
    "timezone": "Europe/Lisbon",
    "tags": [],
    "metadata": {},
    "default": True,
    "auto_enrol": True,
    "self_enrol": True,
    "terms_url": None,
    "theme": {"accent": "#0a7d5a", "logo": None},
    "expiry": {"kind": "months", "months": 12, "to_month_end": False},
    "rate": {"points": 100, "value": 100, "currency": "EUR"},
    "earning": [
        {
            "id": "base",
            "kind": "spend",
            "currency": "EUR",
            "per": 100,
            "points": 1,
            "tax": "included",
            "wait_days": 0,
        },
        {"id": "welcome", "kind": "event", "event": "account.created", "points": 50},
    ],
    "earn_on_points_paid": False,
    "refund": "debt",
    "tier_basis": "lifetime",
    "tiers": [{"id": "gold", "name": "Gold", "from": 1000, "multiplier": "1.5"}],
    "redemption": {
        "enabled": True,
        "min": 100,
        "max": 50000,
        "per_day": 100000,
        "multiple_of": 1,
        "max_share_of_order": "1.0",
        "min_points": 0,
        "min_lifetime_points": 0,
        "min_lifetime_purchases": 0,
        "reversal": True,
        "grace_days": 30,
        "hold_minutes": 15,
        "hold_minutes_max": 1440,
        "approval": "none",
        "approval_above": 0,
    },
    "transfers": {
        "enabled": True,
        "min": 1,
        "max": 10000,
        "multiple_of": 1,
        "per_day": 20000,
        "per_month": 50000,
        "contact_pause_hours": 24,
    },
}

MINIMAL = {"id": "x", "name": "X", "currency": "PTS"}


def refused(**changes):
    """The wrong fields of a minimal program with these changes."""
    with pytest.raises(InvalidProgram) as caught:
        schema.check(MINIMAL | changes)
    return caught.value.fields


def test_the_sample_of_the_contract_is_taken_as_it_stands():
    assert schema.check(copy.deepcopy(SAMPLE)) == SAMPLE


def test_a_checked_document_checks_to_itself():
    once = schema.check(MINIMAL)
    assert schema.check(once) == once


def test_the_sample_becomes_an_object():
    program = from_document(schema.check(SAMPLE), version=3)
    assert (program.id, program.version, program.timezone.key) == ("corner", 3, "Europe/Lisbon")
    assert program.tiers[0].multiplier == Decimal("1.5")
    assert program.redemption.max_share_of_order == 1
    assert program.redemption.approval is Approval.NONE
    assert program.refund is RefundPolicy.DEBT
    assert program.tier_basis is TierBasis.LIFETIME
    assert program.money == "EUR"


def test_only_id_name_and_currency_are_required():
    program = from_document(schema.check(MINIMAL), version=1)
    assert program.expiry == AfterMonths(12)
    assert program.decimals == 0
    assert program.timezone.key == "UTC"
    assert (program.unit.one, program.unit.other) == ("point", "points")
    assert {program.default, program.auto_enrol, program.self_enrol} == {False}
    assert program.rate is None
    assert program.money is None
    assert program.redemption.enabled
    assert program.redemption.reversal
    assert program.redemption.grace_days == 30
    assert program.redemption.hold_minutes == 15
    assert program.redemption.approval is Approval.AUTO
    limits = program.redemption
    assert {limits.min, limits.max, limits.per_day, limits.max_share_of_order} == {None}
    assert not program.transfers.enabled
    for field in MINIMAL:
        with pytest.raises(InvalidProgram) as caught:
            schema.check({key: MINIMAL[key] for key in MINIMAL if key != field})
        assert caught.value.fields == {field: ["This field is required."]}


def test_transfers_that_are_described_are_allowed():
    assert schema.check(MINIMAL | {"transfers": {"max": 5}})["transfers"]["enabled"] is True


@pytest.mark.parametrize(
    ("document", "policy"),
    [
        ({"kind": "days", "days": 365}, AfterDays(365)),
        ({"kind": "months", "months": 3}, AfterMonths(3)),
        ({"kind": "months"}, AfterMonths(12)),
        ({"kind": "months", "months": 12, "to_month_end": True}, AfterMonths(12, True)),
        ({"kind": "yearly", "month": 12, "day": 31}, Yearly(12, 31)),
        ({"kind": "yearly", "month": 2, "day": 29}, Yearly(2, 29)),
        ({"kind": "inactivity", "months": 18}, AfterInactivity(18)),
        ({"kind": "never"}, Never()),
    ],
)
def test_every_expiry_of_the_contract_is_taken(document, policy):
    program = from_document(schema.check(MINIMAL | {"expiry": document}), version=1)
    assert program.expiry == policy


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "expiry.kind"),
        ({"kind": "weeks"}, "expiry.kind"),
        ({"kind": ["days"]}, "expiry.kind"),
        ({"kind": "days"}, "expiry.days"),
        ({"kind": "days", "days": 0}, "expiry.days"),
        ({"kind": "days", "days": 12, "months": 1}, "expiry.months"),
        ({"kind": "months", "months": -1}, "expiry.months"),
        ({"kind": "months", "months": 12, "to_month_end": "yes"}, "expiry.to_month_end"),
        ({"kind": "yearly", "month": 13, "day": 1}, "expiry.month"),
        ({"kind": "yearly", "month": 2, "day": 30}, "expiry.day"),
        ({"kind": "yearly", "month": 4, "day": 31}, "expiry.day"),
        ({"kind": "never", "days": 3}, "expiry.days"),
        ("never", "expiry"),
        (None, "expiry"),
    ],
)
def test_an_expiry_that_makes_no_sense_is_refused(document, field):
    assert list(refused(expiry=document)) == [field]


@pytest.mark.parametrize("number", ["100", 1.5, 1.0, True, False, None, [], {}, -1, 10**16, 1e3])
@pytest.mark.parametrize("field", ["points", "value"])
def test_numbers_are_strict(field, number):
    rate = {"points": 1, "value": 1, "currency": "EUR"} | {field: number}
    assert list(refused(rate=rate)) == [f"rate.{field}"]


def test_a_rate_of_zero_is_refused():
    rate = {"points": 0, "value": 0, "currency": "EUR"}
    assert set(refused(rate=rate)) == {"rate.points", "rate.value"}


@pytest.mark.parametrize("decimals", [-1, 5, "0", 1.0])
def test_decimals_are_none_to_four(decimals):
    assert list(refused(decimals=decimals)) == ["decimals"]
    assert schema.check(MINIMAL | {"decimals": 4})["decimals"] == 4


@pytest.mark.parametrize("id", ["", " ", "a" * 37, "a b", "ä", "-x", "a/b", "a\x00", 5, None])
def test_an_id_is_at_most_36_plain_characters(id):
    assert list(refused(id=id)) == ["id"]
    assert schema.check(MINIMAL | {"id": "a" * 36})["id"] == "a" * 36


@pytest.mark.parametrize("currency", ["", "E R", "x" * 17, "€", 3])
def test_a_currency_is_a_code_or_a_branded_word(currency):
    assert list(refused(currency=currency)) == ["currency"]
    for good in ("EUR", "megabucks", "PTS"):
        assert schema.check(MINIMAL | {"currency": good})["currency"] == good


@pytest.mark.parametrize("zone", ["Mars/Base", "", "europe/lisbon", "../etc/passwd", 1])
def test_a_time_zone_must_be_real(zone):
    assert list(refused(timezone=zone)) == ["timezone"]


@pytest.mark.parametrize("accent", ["green", "#fff", "#ffffff", "#ffff00", "#12345g", "0a7d5a", 1])
def test_the_accent_is_a_colour_that_white_text_can_be_read_on(accent):
    assert list(refused(theme={"accent": accent})) == ["theme.accent"]


def test_contrast_is_that_of_wcag():
    assert schema.contrast_with_white("#000000") == pytest.approx(21)
    assert schema.contrast_with_white("#ffffff") == pytest.approx(1)
    assert schema.contrast_with_white("#777777") == pytest.approx(4.48, abs=0.01)
    assert list(refused(theme={"accent": "#777777"})) == ["theme.accent"]
    assert schema.check(MINIMAL | {"theme": {"accent": "#767676"}})["theme"]["logo"] is None


@pytest.mark.parametrize(
    "logo",
    ["https://elsewhere.example/x.png", "//elsewhere/x.png", "data:text/html;base64,AA", "x"],
)
def test_a_logo_from_elsewhere_is_refused(logo):
    assert list(refused(theme={"logo": logo})) == ["theme.logo"]
    for good in ("/static/logo.svg", "data:image/png;base64,iVBORw0KGgo="):
        assert schema.check(MINIMAL | {"theme": {"logo": good}})["theme"]["logo"] == good


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://x/y", "//x", "http://", "https://a b", "terms", "http://["],
)
def test_terms_are_a_web_address(url):
    assert list(refused(terms_url=url)) == ["terms_url"]
    for good in ("https://shop.example/terms", "/terms"):
        assert schema.check(MINIMAL | {"terms_url": good})["terms_url"] == good


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"redemption": {"minimum": 3}}, "redemption.minimum"),
        ({"transfers": {"maximum": 3}}, "transfers.maximum"),
        ({"unit": {"one": "a", "other": "b", "many": "c"}}, "unit.many"),
        ({"theme": {"font": "x"}}, "theme.font"),
    ],
)
def test_an_unknown_field_is_an_error_that_names_it(part, field):
    assert refused(**part) == {field: ["There is no such field."]}


def test_an_unknown_field_of_a_rule_is_named_by_its_place():
    rules = copy.deepcopy(SAMPLE["earning"])
    rules[1]["until"] = 5
    assert refused(earning=rules) == {"earning[1].until": ["There is no such field."]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "visits"}, "earning[0].kind"),
        ({"per": 0}, "earning[0].per"),
        ({"per": "100"}, "earning[0].per"),
        ({"points": 0}, "earning[0].points"),
        ({"points": True}, "earning[0].points"),
        ({"tax": "some"}, "earning[0].tax"),
        ({"wait_days": -1}, "earning[0].wait_days"),
        ({"wait_days": 400}, "earning[0].wait_days"),
        ({"currency": ""}, "earning[0].currency"),
        ({"id": ""}, "earning[0].id"),
    ],
)
def test_a_spend_rule_that_makes_no_sense_is_refused(change, field):
    assert list(refused(earning=[SAMPLE["earning"][0] | change])) == [field]


@pytest.mark.parametrize("event", ["", "Account Created", "a..b", 5])
def test_an_event_rule_waits_for_a_named_event(event):
    rule = {"id": "w", "kind": "event", "event": event, "points": 5}
    assert list(refused(earning=[rule])) == ["earning[0].event"]


@pytest.mark.parametrize("rules", [5, "x", [5], {"kind": "spend"}])
def test_earning_is_a_list_of_rules(rules):
    assert [field.split("[")[0] for field in refused(earning=rules)] == ["earning"]


def test_rules_and_tiers_need_ids_of_their_own_and_tiers_rise():
    rule = SAMPLE["earning"][0]
    assert refused(earning=[rule, rule]) == {"earning": ["Each must have an id of its own."]}
    silver = {"id": "s", "name": "Silver", "from": 1000}
    gold = {"id": "g", "name": "Gold", "from": 1000}
    assert refused(tiers=[silver, gold]) == {"tiers": ["Must rise from one tier to the next."]}
    assert refused(tiers=[silver, silver | {"from": 2000}]) == {
        "tiers": ["Each must have an id of its own."]
    }


@pytest.mark.parametrize("multiplier", [1.5, "1,5", "0.5", "-1", "101", "", "1e3", "NaN", "١"])
def test_a_multiplier_is_a_number_written_as_text(multiplier):
    tier = {"id": "g", "name": "Gold", "from": 10, "multiplier": multiplier}
    assert list(refused(tiers=[tier])) == ["tiers[0].multiplier"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"min": 10, "max": 9}, "redemption.min"),
        ({"hold_minutes": 20, "hold_minutes_max": 10}, "redemption.hold_minutes"),
        ({"multiple_of": 0}, "redemption.multiple_of"),
        ({"max_share_of_order": 0.5}, "redemption.max_share_of_order"),
        ({"max_share_of_order": "1.1"}, "redemption.max_share_of_order"),
        ({"approval": "maybe"}, "redemption.approval"),
        ({"enabled": 1}, "redemption.enabled"),
        ({"min": "5"}, "redemption.min"),
        ({"grace_days": -1}, "redemption.grace_days"),
    ],
)
def test_redemption_limits_that_make_no_sense_are_refused(change, field):
    assert list(refused(redemption=change)) == [field]


def test_transfer_limits_that_make_no_sense_are_refused():
    assert list(refused(transfers={"min": 3, "max": 2})) == ["transfers.min"]
    assert list(refused(transfers={"per_day": 0})) == ["transfers.per_day"]


@pytest.mark.parametrize("document", [None, [], "x", 5, [SAMPLE]])
def test_a_file_that_is_no_object_is_refused(document):
    with pytest.raises(InvalidProgram) as caught:
        schema.check(document)
    assert caught.value.fields == {"": ["Must be an object."]}


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        "x",
        {"x": "y" * 8192},
        {"x": float("nan")},
        {"x": "\ud800"},
        {"x": {1, 2}},
    ],
)
def test_metadata_is_a_plain_object_of_at_most_8_kb(metadata):
    assert list(refused(metadata=metadata)) == ["metadata"]


def test_metadata_nested_too_deep_is_refused():
    nested: dict = {}
    for _ in range(100_000):
        nested = {"x": nested}
    assert list(refused(metadata=nested)) == ["metadata"]


def test_too_many_rules_are_refused():
    rules = [SAMPLE["earning"][1] | {"id": f"r{number}"} for number in range(501)]
    assert refused(earning=rules) == {"": ["At most 500 earning rules and 50 tiers."]}


def test_the_first_wrong_field_stands_in_the_sentence():
    with pytest.raises(InvalidProgram) as caught:
        schema.check(MINIMAL | {"decimals": 9})
    assert caught.value.detail == "decimals: Must be at most 4."
