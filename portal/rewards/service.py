"""Creating and changing rewards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from portal import programs
from portal.programs import Program
from portal.programs.errors import ProgramNotFound
from portal.programs.models import Program as ProgramRow
from portal.rewards import models, pictures, schema
from portal.rewards.errors import RewardProgramFixed
from portal.rewards.rows import reward_from
from portal.rewards.values import Kind, Reward, VoucherStatus

ReadPicture = Callable[[str], bytes]
"""Gives the bytes of the picture that a reward file names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a file did. ``changes``: ``{field: [old, new]}``, empty if nothing.

    A picture changes when its bytes do; told are the beginnings of their digests.
    """

    reward: Reward
    created: bool
    changes: dict[str, list[Any]]


def apply(
    session: Session,
    *,
    document: Any,
    actor: str,
    at: datetime,
    read_picture: ReadPicture | None = None,
) -> Applied:
    """Create or change the reward that ``document``, a reward file, describes.

    Applied again it changes nothing and writes nothing. Vouchers that were
    issued before keep what they promised. ``stock`` is how many there are in
    all: raised by ten, ten more can be had.

    Args:
        read_picture: called with the name of the picture, if the file names one.

    Raises:
        InvalidReward: ``fields`` names each wrong field by its path.
        InvalidPicture: too large, of another type, animated, or broken.
        RewardProgramFixed: it belongs to another program.
    """
    checked = schema.check(document)
    program = _program(session, checked)
    _fit_program(program, checked)
    content = _read(checked["picture"], read_picture)
    digest = pictures.digest_of(content) if content is not None else None
    row = session.get(models.Reward, checked["id"], with_for_update=True, populate_existing=True)
    if row is not None and row.program_id != checked["program"]:
        raise RewardProgramFixed(field="program", program=row.program_id)
    changes = _changes(row, checked, digest)
    if row is not None and not changes:
        return Applied(reward=reward_from(row, program), created=False, changes={})
    if content is not None and (row is None or row.picture != digest):
        _keep_picture(session, content, digest=pictures.digest_of(content), at=at)
    created = row is None
    if row is None:
        row = models.Reward(id=checked["id"], taken=0, version=0, picture=None, created_at=at)
    replaced = row.picture if row.picture != digest else None
    _write(session, row, checked, digest=digest, actor=actor, at=at)
    if replaced is not None:
        _drop_unused_picture(session, replaced)
    return Applied(reward=reward_from(row, program), created=created, changes=changes)


def _program(session: Session, checked: dict[str, Any]) -> Program:
    # One file at a time in each program: two could both create the reward.
    session.execute(
        select(ProgramRow.id)
        .where(ProgramRow.id == checked["program"])
        .with_for_update(key_share=True)
    )
    try:
        return programs.find(session, checked["program"])
    except ProgramNotFound as error:
        raise schema.invalid({"program": [error.detail]}) from error


def _fit_program(program: Program, checked: dict[str, Any]) -> None:
    if checked["kind"] == Kind.AMOUNT_OFF and program.money is None:
        raise schema.invalid({"value": ["The program says nothing about money: give it a rate."]})
    known = {tier.id for tier in program.tiers}
    wrong = {
        f"tiers[{number}]": ["The program has no such tier."]
        for number, tier in enumerate(checked["tiers"])
        if tier not in known
    }
    if wrong:
        raise schema.invalid(wrong)


def _read(name: str | None, read_picture: ReadPicture | None) -> bytes | None:
    if name is None:
        return None
    if read_picture is None:
        raise schema.invalid({"picture": ["There is no folder to read it from."]})
    return read_picture(name)


def _changes(
    row: models.Reward | None, checked: dict[str, Any], digest: bytes | None
) -> dict[str, list[Any]]:
    old = {} if row is None else row.document
    found = {
        field: [old.get(field), checked[field]]
        for field in checked
        if field != "picture" and (field not in old or old[field] != checked[field])
    }
    before = None if row is None else row.picture
    if before != digest:
        found["picture"] = [each.hex()[:12] if each else None for each in (before, digest)]
    elif row is not None and old.get("picture") != checked["picture"]:
        found["picture"] = [old.get("picture"), checked["picture"]]
    return found


def _write(
    session: Session,
    row: models.Reward,
    checked: dict[str, Any],
    *,
    digest: bytes | None,
    actor: str,
    at: datetime,
) -> None:
    row.program_id = checked["program"]
    row.name = checked["name"]
    row.kind = checked["kind"]
    row.price = checked["price"]
    row.active = checked["active"]
    row.position = checked["position"]
    row.stock = checked["stock"]
    row.taken = 0 if row.stock is None else _taken(session, row.id)
    row.picture = digest
    row.document = checked
    row.version += 1
    row.applied_by = actor
    row.updated_at = at
    session.add(row)
    session.flush()


def _taken(session: Session, reward_id: str) -> int:
    """How many of the stock are out. The reward's row is locked, so none is issued meanwhile."""
    return int(
        session.execute(
            select(func.count())
            .select_from(models.Voucher)
            .where(
                models.Voucher.reward_id == reward_id,
                models.Voucher.status.in_([VoucherStatus.ISSUED.value, VoucherStatus.USED.value]),
            )
        ).scalar_one()
    )


def _keep_picture(session: Session, content: bytes, *, digest: bytes, at: datetime) -> None:
    if session.scalar(select(exists().where(models.Picture.digest == digest))):
        return
    session.add_all(
        models.Picture(
            digest=digest,
            size=rendition.size,
            content_type=pictures.CONTENT_TYPE,
            width=rendition.width,
            height=rendition.height,
            content=rendition.content,
            created_at=at,
        )
        for rendition in pictures.renditions(content)
    )
    session.flush()


def _drop_unused_picture(session: Session, digest: bytes) -> None:
    session.execute(
        delete(models.Picture).where(
            models.Picture.digest == digest,
            ~exists().where(models.Reward.picture == digest),
        )
    )
