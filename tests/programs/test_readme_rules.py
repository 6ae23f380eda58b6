"""The README's program section: every example loads, and every kind and field is shown."""

import json
import re
from pathlib import Path

import pytest

from portal.programs import schema
from portal.programs.earning_schema import EARNINGS
from portal.programs.program import from_document

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
SECTION = README.split("### A program\n")[1].split("\n### ")[0]
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)]
RULES = [example for example in EXAMPLES if "kind" in example]
PARTS = [example for example in EXAMPLES if "kind" not in example]
MINIMAL = {"id": "x", "name": "X", "currency": "PTS"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_an_earning_rule_of_the_readme_loads(rule):
    program = from_document(schema.check(MINIMAL | {"earning": [rule]}), version=1)
    assert program.earning[0].id == rule["id"]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: next(iter(part)))
def test_a_part_of_a_program_in_the_readme_loads(part):
    assert from_document(schema.check(MINIMAL | part), version=1)


@pytest.mark.parametrize("kind", EARNINGS)
def test_every_field_of_every_kind_of_rule_is_shown(kind):
    shown = {field for rule in RULES if rule["kind"] == kind for field in rule}
    assert shown | {"name"} >= set(EARNINGS[kind]().fields)
    assert f"`{kind}`" in SECTION
