"""What a program promises: its unit, expiry, earning rules, tiers and limits."""

from portal.programs import earning, stores
from portal.programs.money import Money, Rate
from portal.programs.program import Program
from portal.programs.queries import document, find, find_all
from portal.programs.service import Applied, apply

__all__ = [
    "Applied",
    "Money",
    "Program",
    "Rate",
    "apply",
    "document",
    "earning",
    "find",
    "find_all",
    "stores",
]
