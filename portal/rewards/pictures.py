"""Pictures of rewards: whatever is given is looked at with care and made anew.

What is served was encoded here, so nothing of the file that was given
survives but what can be seen: no metadata, and nothing that hides in it.
"""

import hashlib
import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from portal.rewards.errors import InvalidPicture

FORMATS = ("PNG", "JPEG", "WEBP")
BYTES_MAX = 5_000_000
SIDE_MAX_PX = 8_000
PIXELS_MAX = 40_000_000
"""What is decoded takes four bytes a pixel, so this bounds the memory."""
SIZES_PX = {"small": 480, "large": 1_200}
"""The longer side of each rendition, at most."""
CONTENT_TYPE = "image/webp"
_QUALITY = 82

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One size of a picture."""

    size: str
    width: int
    height: int
    content: bytes


def digest_of(content: bytes) -> bytes:
    """What a picture is known by."""
    return hashlib.sha256(content).digest()


def renditions(content: bytes) -> list[Rendition]:
    """The picture in every size, as WebP.

    Raises:
        InvalidPicture: too large, of another type, animated, or broken.
    """
    if len(content) > BYTES_MAX:
        raise InvalidPicture("The picture is larger than 5 MB.", field="picture", limit=BYTES_MAX)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise InvalidPicture(
                "The picture must be a PNG, JPEG or WebP file.", field="picture"
            ) from error
        except _BROKEN as error:
            raise _unreadable() from error
        _require_sensible(image)
        try:
            return [_rendition(size, _plain(image)) for size in SIZES_PX]
        except _BROKEN as error:
            raise _unreadable() from error


def _unreadable() -> InvalidPicture:
    return InvalidPicture("The picture is broken, or far too large.", field="picture")


def _require_sensible(image: Image.Image) -> None:
    # Only its head was read so far: nothing is decoded that would be too large.
    if max(image.size) > SIDE_MAX_PX or image.width * image.height > PIXELS_MAX:
        raise InvalidPicture(
            "The picture is too large: at most 8,000 pixels a side, 40 million in all.",
            field="picture",
            limit=SIDE_MAX_PX,
        )
    if getattr(image, "n_frames", 1) > 1:
        raise InvalidPicture("The picture must not be animated.", field="picture")


def _plain(image: Image.Image) -> Image.Image:
    """The picture upright, in sRGB, without anything that was beside its pixels."""
    upright = ImageOps.exif_transpose(image)
    transparent = upright.has_transparency_data
    profile = image.info.get("icc_profile")
    pixels = upright.convert("RGBA" if transparent else "RGB")
    if profile and image.mode in ("RGB", "RGBA"):
        pixels = _in_srgb(pixels, profile)
    plain = Image.new(pixels.mode, pixels.size)
    plain.paste(pixels)
    return plain


def _in_srgb(pixels: Image.Image, profile: bytes) -> Image.Image:
    try:
        converted = ImageCms.profileToProfile(
            pixels,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode=pixels.mode,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A profile that cannot be read says nothing about the colours.
        return pixels
    return converted or pixels


def _rendition(size: str, image: Image.Image) -> Rendition:
    side = SIZES_PX[size]
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = BytesIO()
    image.save(written, "WEBP", quality=_QUALITY, method=4, exif=b"", xmp=b"", icc_profile=b"")
    return Rendition(size=size, width=image.width, height=image.height, content=written.getvalue())
