"""Real purchases to try and to measure with: the CDNOW master file, for ``import purchases``.

The file (69,659 purchases of 23,570 customers, January 1997 to June 1998) comes
with the PyPI package ``lifetimes`` 0.11.3 as ``lifetimes/datasets/CDNOW_master.txt``;
fetch it with ``pip download --no-deps lifetimes==0.11.3`` and unpack it. Nothing
is downloaded here::

    python -m tests.bench.cdnow CDNOW_master.txt purchases.csv [--every N]
"""

import argparse
import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

COLUMNS = (
    "customer_external_id",
    "store_code",
    "receipt_number",
    "purchased_at",
    "amount",
    "currency",
    "cds",
)


class Row(NamedTuple):
    """One purchase, in the words of the import file."""

    customer_external_id: str
    store_code: str
    receipt_number: str
    purchased_at: str
    amount: str
    currency: str
    cds: str


def rows(source: Path, *, every: int = 1) -> Iterator[Row]:
    """The purchases of every ``every``-th customer, in the order of the file.

    A purchase has no number of its own there, so its line gives it one.
    """
    with source.open(encoding="ascii") as lines:
        next(lines)
        for number, line in enumerate(lines, start=1):
            customer, day, cds, dollars = line.split()
            if int(customer) % every == 0:
                yield Row(
                    customer_external_id=f"cdnow-{customer}",
                    store_code="cdnow",
                    receipt_number=f"{number:06d}",
                    purchased_at=datetime.strptime(day, "%Y%m%d").date().isoformat(),
                    amount=dollars,
                    currency="USD",
                    cds=cds,
                )


def convert(source: Path, target: Path, *, every: int = 1) -> int:
    """Write ``target`` for ``portal import purchases``; how many rows it has."""
    count = 0
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in rows(source, every=every):
            writer.writerow(row)
            count += 1
    return count


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each N-th customer only")
    asked = parser.parse_args()
    print(f"{convert(asked.source, asked.target, every=asked.every)} purchases")


if __name__ == "__main__":
    main()
