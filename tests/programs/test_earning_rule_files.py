"""Earning rules in a program file: what is refused, and which field is named."""

import pytest

from portal.programs import schema
from portal.programs.errors import InvalidProgram

MINIMAL = {"id": "x", "name": "X", "currency": "PTS"}
ITEM = {"id": "i", "kind": "item", "skus": ["a"], "points": 1}
PROMOTION = {"id": "p", "kind": "promotion", "multiplier": "2"}
TRIGGER = {"id": "t", "kind": "trigger", "trigger": "done", "points": 1}
VISIT = {"id": "v", "kind": "visit", "points": 1}
EVENT = {"id": "e", "kind": "event", "event": "birthday", "points": 1}
SPEND = {"id": "s", "kind": "spend", "currency": "EUR", "per": 1, "points": 1}


def wrong(rule):
    with pytest.raises(InvalidProgram) as caught:
        schema.check(MINIMAL | {"earning": [rule]})
    return {
        field.removeprefix("earning[0]."): says[0] for field, says in caught.value.fields.items()
    }


def without(rule, *fields):
    return {name: value for name, value in rule.items() if name not in fields}


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (without(ITEM, "skus"), "skus"),
        (ITEM | {"skus": []}, "skus"),
        (ITEM | {"skus": ["a", "a"]}, "skus"),
        (ITEM | {"skus": "a"}, "skus"),
        (ITEM | {"skus": [5]}, "skus[0]"),
        (ITEM | {"categories": [""]}, "categories[0]"),
        (ITEM | {"each": 0}, "each"),
        (ITEM | {"per": 100}, "currency"),
        (ITEM | {"per": 100, "currency": "EUR", "each": 1}, "per"),
        (ITEM | {"tax": "excluded"}, "tax"),
        (ITEM | {"whole": True}, "whole"),
        (ITEM | {"points": 0}, "points"),
        (ITEM | {"wait_days": 4000}, "wait_days"),
        (ITEM | {"name": " "}, "name"),
        (SPEND | {"whole": "yes"}, "whole"),
        (SPEND | {"name": "x"}, "name"),
        (VISIT | {"once_a_day": 1}, "once_a_day"),
        (VISIT | {"per": 1}, "per"),
        (without(PROMOTION, "multiplier"), "multiplier"),
        (PROMOTION | {"bonus": 5}, "multiplier"),
        (PROMOTION | {"multiplier": 2}, "multiplier"),
        (PROMOTION | {"multiplier": "0.5"}, "multiplier"),
        (PROMOTION | {"wait_days": 3}, "wait_days"),
        (PROMOTION | {"from": "2026-02-30"}, "from"),
        (PROMOTION | {"from": "1 May"}, "from"),
        (PROMOTION | {"from": "20260501"}, "from"),
        (PROMOTION | {"from": "2026-05-02", "to": "2026-05-01"}, "to"),
        (PROMOTION | {"weekdays": []}, "weekdays"),
        (PROMOTION | {"weekdays": ["friday"]}, "weekdays[0]"),
        (PROMOTION | {"weekdays": ["fri", "fri"]}, "weekdays"),
        (PROMOTION | {"hours": {"from": "22:00"}}, "hours.to"),
        (PROMOTION | {"hours": {"from": "22:00", "to": "24:00"}}, "hours.to"),
        (PROMOTION | {"hours": {"from": "9:00", "to": "10:00"}}, "hours.from"),
        (PROMOTION | {"hours": {"from": "09:00", "to": "09:00"}}, "hours.to"),
        (PROMOTION | {"hours": {"from": "09:00", "to": "10:00", "x": 1}}, "hours.x"),
        (PROMOTION | {"stores": [" "]}, "stores[0]"),
        (PROMOTION | {"min_value": 5}, "currency"),
        (PROMOTION | {"per_member": 0}, "per_member"),
        (PROMOTION | {"total": "5"}, "total"),
        (without(TRIGGER, "trigger"), "trigger"),
        (TRIGGER | {"trigger": "Done!"}, "trigger"),
        (TRIGGER | {"per": 1}, "currency"),
        (TRIGGER | {"whole": True}, "whole"),
        (TRIGGER | {"wait_days": 1}, "wait_days"),
        (EVENT | {"rewards": "both"}, "rewards"),
        (EVENT | {"event": "account.created", "rewards": "referrer"}, "rewards"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_field(rule, field):
    assert list(wrong(rule)) == [field]


def test_what_is_optional_stays_out_of_the_stored_document():
    rules = [ITEM, PROMOTION, TRIGGER, VISIT, EVENT]
    assert schema.check(MINIMAL | {"earning": rules})["earning"] == rules


def test_points_must_outlive_their_wait():
    document = MINIMAL | {"earning": [VISIT | {"wait_days": 31}]}
    with pytest.raises(InvalidProgram) as caught:
        schema.check(document | {"expiry": {"kind": "days", "days": 30}})
    assert list(caught.value.fields) == ["earning[0].wait_days"]


def test_the_benefits_of_a_tier_are_short_texts():
    tier = {"id": "g", "name": "Gold", "from": 1, "multiplier": "1", "benefits": ["Free delivery"]}
    assert schema.check(MINIMAL | {"tiers": [tier]})["tiers"] == [tier]
    for bad in ("x", [""], ["x" * 121], ["x"] * 21):
        with pytest.raises(InvalidProgram) as caught:
            schema.check(MINIMAL | {"tiers": [tier | {"benefits": bad}]})
        assert next(iter(caught.value.fields)).startswith("tiers[0].benefits")
