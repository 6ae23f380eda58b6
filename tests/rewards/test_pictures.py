"""Whatever is given as a picture is looked at with care and made anew."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from portal.rewards import pictures
from portal.rewards.errors import InvalidPicture
from tests.rewards.conftest import drawing


def opened(rendition):
    image = Image.open(BytesIO(rendition.content))
    image.load()
    assert image.format == "WEBP"
    assert image.size == (rendition.width, rendition.height)
    return image


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_three_types_become_webp_in_two_sizes(format):
    small, large = pictures.renditions(drawing(format, (2000, 1000)))
    assert (small.size, small.width, small.height) == ("small", 480, 240)
    assert (large.size, large.width, large.height) == ("large", 1200, 600)
    for each in (small, large):
        red, green, blue = opened(each).convert("RGB").getpixel((10, 10))
        assert red > 180
        assert max(green, blue) < 60


def test_a_small_picture_is_not_blown_up():
    assert [(each.width, each.height) for each in pictures.renditions(drawing(size=(7, 3)))] == [
        (7, 3),
        (7, 3),
    ]


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16", "CMYK"])
def test_pictures_of_every_mode_are_taken(mode):
    written = BytesIO()
    image = Image.new(mode, (20, 10))
    image.save(written, "JPEG" if mode == "CMYK" else "PNG")
    for each in pictures.renditions(written.getvalue()):
        assert opened(each).mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")


def test_what_is_transparent_stays_transparent():
    (small, _) = pictures.renditions(drawing(mode="RGBA"))
    assert opened(small).getpixel((3, 3))[3] == 128


def test_nothing_but_the_pixels_survives():
    secret = b"taken at home"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    exif[0x0112] = 6  # turned to the right
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", secret.decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for content in (
        drawing("JPEG", exif=exif, icc_profile=profile, comment=secret),
        drawing("PNG", exif=exif, pnginfo=text, icc_profile=profile) + secret,
        drawing("WEBP", exif=exif, icc_profile=profile, xmp=secret),
    ):
        assert secret in content
        for each in pictures.renditions(content):
            assert secret not in each.content
            assert set(opened(each).info) <= {"background", "timestamp", "duration", "loop"}
            # Upright, as it is meant to be seen.
            assert (each.width, each.height) == (48, 64)


def test_colours_of_another_profile_are_brought_to_ours():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for profile in (b"nonsense", lab, b""):
        assert len(pictures.renditions(drawing(icc_profile=profile))) == 2


def _png(width, height, *, body=b""):
    """A PNG whose head says any size at all."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "PNG, JPEG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG or WebP"),
        (drawing("GIF"), "PNG, JPEG or WebP"),
        (drawing("BMP"), "PNG, JPEG or WebP"),
        (drawing("TIFF"), "PNG, JPEG or WebP"),
        (b"%PDF-1.4", "PNG, JPEG or WebP"),
        (drawing() + b"\x00" * pictures.BYTES_MAX, "larger than 5 MB"),
        (drawing("JPEG")[:200], ""),
        (drawing("PNG", (500, 500))[:120], ""),
        (_png(8_001, 1), "too large"),
        (_png(1, 8_001), "too large"),
        (_png(7_000, 7_000), "too large"),
        (_png(20_000, 20_000), ""),
        (_png(2**31 - 1, 2**31 - 1), ""),
        (_png(100, 100, body=zlib.compress(b"\x00" * 10)), "broken"),
        (_png(100, 100, body=b"no zlib"), "broken"),
        (_png(0, 0), ""),
    ],
)
def test_what_is_too_large_broken_or_of_another_type_is_refused(content, told):
    with pytest.raises(InvalidPicture) as refusal:
        pictures.renditions(content)
    assert told in refusal.value.detail
    assert refusal.value.field == "picture"


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_what_moves_is_refused(format):
    written = BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(written, format, save_all=True, append_images=frames[1:])
    with pytest.raises(InvalidPicture, match="animated"):
        pictures.renditions(written.getvalue())


def test_a_picture_cut_anywhere_or_with_any_byte_changed_is_read_or_refused():
    for format in ("PNG", "JPEG", "WEBP"):
        content = drawing(format, (30, 20))
        for place in range(0, len(content), 7):
            for spoilt in (
                content[:place],
                content[:place] + b"\xff" + content[place + 1 :],
                content[:place] + b"\x00\x00\x00" + content[place:],
            ):
                try:
                    pictures.renditions(spoilt)
                except InvalidPicture:
                    continue
