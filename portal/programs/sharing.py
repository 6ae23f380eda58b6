"""Dividing a whole number in proportion, so that the parts add up to it."""

from collections.abc import Sequence
from fractions import Fraction


def shared(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """``total`` in parts proportional to ``weights``, adding up to exactly ``total``.

    Each part is its exact share rounded down, or one more: the units left over
    go to those that rounding cost most, of equals to the first. So where
    ``total`` is not above the sum of whole weights, no part exceeds its own.

    Args:
        total: zero or more.
        weights: each zero or more; not all zero unless ``total`` is.
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts: list[int] = []
    costs: list[int | Fraction] = []
    for weight in weights:
        exact = total * weight
        part = int(exact // whole)
        parts.append(part)
        costs.append(exact - part * whole)
    left = total - sum(parts)
    if left:
        order = sorted(range(len(parts)), key=lambda place: (-costs[place], place))
        for place in order[:left]:
            parts[place] += 1
    return parts
