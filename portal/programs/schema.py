"""The program file: what may stand in it, and what is meant where it is silent.

Loading gives the same document with every default filled in, JSON-ready.
"""

import re
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from portal.programs.earning_schema import EARNINGS
from portal.programs.errors import InvalidProgram
from portal.programs.fields import (
    ByKind,
    Choice,
    DecimalText,
    Metadata,
    Strict,
    WholeNumber,
    Words,
    YesNo,
    by_path,
    currency_field,
    id_field,
)

DEFAULT_ACCENT = "#0a7d5a"
CONTRAST_MIN = 4.5
"""White text on the accent colour must be readable (WCAG 2, level AA)."""

_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_IMAGE = re.compile(
    r"data:image/(png|jpeg|webp|gif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}", re.ASCII
)
_LOGO_LENGTH_MAX = 65_536
_URL_LENGTH_MAX = 2_048


def contrast_with_white(colour: str) -> float:
    """The contrast of white text on ``#rrggbb``, from 1 to 21 (WCAG 2's formula)."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _optional(**bounds: int) -> WholeNumber:
    return WholeNumber(load_default=None, allow_none=True, **bounds)


class TimeZone(Words):
    """A zone of the IANA database."""

    def __init__(self, **kwargs: Any):
        super().__init__(longest=64, **kwargs)

    def _read(self, value: Any) -> str:
        name = super()._read(value)
        if name not in available_timezones():
            raise ValidationError("Must be a time zone such as Europe/Lisbon.")
        ZoneInfo(name)
        return name


class Accent(Words):
    """A colour that white text can be read on."""

    def __init__(self, **kwargs: Any):
        super().__init__(longest=7, **kwargs)

    def _read(self, value: Any) -> str:
        colour = super()._read(value)
        if not _COLOUR.fullmatch(colour):
            raise ValidationError("Must be a colour such as #0a7d5a.")
        if contrast_with_white(colour) < CONTRAST_MIN:
            raise ValidationError(
                "Too light: white text on it must have a contrast of at least 4.5."
            )
        return colour.lower()


class Logo(Words):
    """A path on this site, or an image in the file itself: pages load nothing else."""

    def __init__(self, **kwargs: Any):
        super().__init__(longest=_LOGO_LENGTH_MAX, **kwargs)

    def _read(self, value: Any) -> str:
        logo = super()._read(value)
        if not (_is_path(logo) or _IMAGE.fullmatch(logo)):
            raise ValidationError("Must be a path on this site, or a data:image/…;base64 address.")
        return logo


class WebAddress(Words):
    """An http(s) address, or a path on this site."""

    def __init__(self, **kwargs: Any):
        super().__init__(longest=_URL_LENGTH_MAX, **kwargs)

    def _read(self, value: Any) -> str:
        address = super()._read(value)
        if not (_is_path(address) or _is_web_address(address)):
            raise ValidationError("Must be a web address, or a path on this site.")
        return address


def _is_path(text: str) -> bool:
    return re.fullmatch(r"/(?![/\\])[^\s\\\"'<>]*", text) is not None


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and not re.search(r"[\s\\\"'<>]", text)


class UnitSchema(Strict):
    """What the points are called."""

    one = Words(longest=40, required=True)
    other = Words(longest=40, required=True)


class ThemeSchema(Strict):
    """How the pages look."""

    accent = Accent(load_default=DEFAULT_ACCENT)
    logo = Logo(load_default=None, allow_none=True)


class DaysSchema(Strict):
    """So many days after earning."""

    kind = Choice(("days",), required=True)
    days = WholeNumber(low=1, high=36_600, required=True)


class MonthsSchema(Strict):
    """So many months after earning."""

    kind = Choice(("months",), required=True)
    months = WholeNumber(low=1, high=1_200, load_default=12)
    to_month_end = YesNo(load_default=False)


class YearlySchema(Strict):
    """A fixed date each year."""

    kind = Choice(("yearly",), required=True)
    month = WholeNumber(low=1, high=12, required=True)
    day = WholeNumber(low=1, high=31, required=True)

    @validates_schema
    def _real(self, data: dict[str, Any], **_: Any) -> None:
        if data["day"] > _MONTH_DAYS[data["month"] - 1]:
            raise ValidationError("That month has no such day.", "day")


class InactivitySchema(Strict):
    """So many months after the last activity."""

    kind = Choice(("inactivity",), required=True)
    months = WholeNumber(low=1, high=1_200, required=True)


class NeverSchema(Strict):
    """Points stay."""

    kind = Choice(("never",), required=True)


class RateSchema(Strict):
    """What points are worth in money."""

    points = WholeNumber(low=1, required=True)
    value = WholeNumber(low=1, required=True)
    currency = currency_field(required=True)


# Not a class, because "from" is a word of Python.
TierSchema = Strict.from_dict(
    {
        "id": id_field(required=True),
        "name": Words(longest=60, required=True),
        "from": WholeNumber(required=True),
        "multiplier": DecimalText(low="1", high="100", load_default="1"),
        "benefits": fields.List(Words(longest=120), validate=Length(max=20)),
    },
    name="TierSchema",
)


class RedemptionSchema(Strict):
    """Limits of redeeming."""

    enabled = YesNo(load_default=True)
    min = _optional()
    max = _optional(low=1)
    per_day = _optional(low=1)
    multiple_of = WholeNumber(low=1, load_default=1)
    max_share_of_order = DecimalText(low="0", high="1", load_default=None, allow_none=True)
    min_points = _optional()
    min_lifetime_points = _optional()
    min_lifetime_purchases = _optional()
    reversal = YesNo(load_default=True)
    grace_days = WholeNumber(high=3_650, load_default=30)
    hold_minutes = WholeNumber(low=1, high=525_600, load_default=15)
    hold_minutes_max = WholeNumber(low=1, high=525_600, load_default=1_440)
    approval = Choice(("auto", "none", "member_code", "one_time_code"), load_default="auto")
    approval_above = WholeNumber(load_default=0)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        _in_order(data, "min", "max")
        _in_order(data, "hold_minutes", "hold_minutes_max")


class TransfersSchema(Strict):
    """Limits of transferring."""

    enabled = YesNo(load_default=True)
    min = _optional()
    max = _optional(low=1)
    multiple_of = WholeNumber(low=1, load_default=1)
    per_day = _optional(low=1)
    per_month = _optional(low=1)
    contact_pause_hours = WholeNumber(high=8_760, load_default=24)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        _in_order(data, "min", "max")


EXPIRIES: dict[str, type[Schema]] = {
    "days": DaysSchema,
    "months": MonthsSchema,
    "yearly": YearlySchema,
    "inactivity": InactivitySchema,
    "never": NeverSchema,
}


class ProgramSchema(Strict):
    """The whole file."""

    id = id_field(required=True)
    name = Words(longest=120, required=True)
    currency = currency_field(required=True)
    decimals = WholeNumber(high=4, load_default=0)
    unit = fields.Nested(UnitSchema, load_default=lambda: {"one": "point", "other": "points"})
    timezone = TimeZone(load_default="UTC")
    tags = fields.List(Words(longest=64), load_default=list)
    metadata = Metadata(load_default=dict)
    default = YesNo(load_default=False)
    auto_enrol = YesNo(load_default=False)
    self_enrol = YesNo(load_default=False)
    terms_url = WebAddress(load_default=None, allow_none=True)
    theme = fields.Nested(ThemeSchema, load_default=lambda: ThemeSchema().load({}))
    expiry = ByKind(
        EXPIRIES, load_default=lambda: {"kind": "months", "months": 12, "to_month_end": False}
    )
    rate = fields.Nested(RateSchema, load_default=None, allow_none=True)
    earning = fields.List(ByKind(EARNINGS), load_default=list)
    earn_on_points_paid = YesNo(load_default=False)
    refund = Choice(("debt", "available", "promised"), load_default="debt")
    tier_basis = Choice(("lifetime", "rolling_year"), load_default="lifetime")
    tiers = fields.List(fields.Nested(TierSchema), load_default=list)
    redemption = fields.Nested(RedemptionSchema, load_default=lambda: RedemptionSchema().load({}))
    transfers = fields.Nested(
        TransfersSchema, load_default=lambda: TransfersSchema().load({"enabled": False})
    )

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        for part in ("earning", "tiers"):
            ids = [item["id"] for item in data[part]]
            if len(set(ids)) < len(ids):
                raise ValidationError("Each must have an id of its own.", part)
        starts = [tier["from"] for tier in data["tiers"]]
        if starts != sorted(set(starts)):
            raise ValidationError("Must rise from one tier to the next.", "tiers")
        if len(data["earning"]) > 500 or len(data["tiers"]) > 50:
            raise ValidationError("At most 500 earning rules and 50 tiers.")
        _outlive_their_wait(data)


def _in_order(data: dict[str, Any], low: str, high: str) -> None:
    if data[low] is not None and data[high] is not None and data[low] > data[high]:
        raise ValidationError(f"Must not be above {high}.", low)


def _outlive_their_wait(data: dict[str, Any]) -> None:
    """Points that expire before they can be spent are a mistake of the file."""
    expiry = data["expiry"]
    match expiry["kind"]:
        case "days":
            lives_days = expiry["days"]
        case "months":
            lives_days = expiry["months"] * 28
        case _:
            return
    for number, rule in enumerate(data["earning"]):
        if rule.get("wait_days", 0) > lives_days:
            raise ValidationError(
                {"earning": {number: {"wait_days": ["The points would expire before this."]}}}
            )


def check(document: Any) -> dict[str, Any]:
    """The document with its defaults filled in.

    Raises:
        InvalidProgram: ``fields`` says what is wrong with each field, by its path.
    """
    try:
        checked: dict[str, Any] = ProgramSchema().load(document)
    except ValidationError as error:
        found = by_path(error.messages)
        first, sentences = next(iter(found.items()))
        raise InvalidProgram(
            f"{first}: {sentences[0]}" if first else sentences[0], fields=found
        ) from error
    return checked
