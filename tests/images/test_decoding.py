import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from images.pictures import noise, picture, save_deep_png, save_huge_png, save_turned, swapped_profile
from likewise import images
from likewise.errors import AnimationWarning, ColourProfileWarning, ImageFileError, ImageTooLargeError
from likewise.images import signature


def same(first: Image.Image, second: Image.Image) -> bool:
    return first.mode == second.mode == "RGB" and np.array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_all_eight_exif_orientations_give_one_tensor(tmp_path, ending):
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(ending, {})
    for orientation in range(1, 9):
        save_turned(tmp_path / f"{orientation}.{ending}", picture(), orientation, **options)
    tensors = [images.to_tensor([images.read(tmp_path / f"{turn}.{ending}")]) for turn in range(1, 9)]
    assert tensors[0].shape == (1, 3, 24, 32)
    assert all(tensor.equal(tensors[0]) for tensor in tensors)
    assert same(images.read(tmp_path / f"6.{ending}"), picture()) or ending == "jpg"


def test_orientation_is_applied_once_and_forgotten(tmp_path):
    save_turned(tmp_path / "a.png", picture(), 6)
    images.read(tmp_path / "a.png").save(tmp_path / "again.png")
    assert images.decode(tmp_path / "again.png").orientation == 1
    assert same(images.read(tmp_path / "again.png"), picture())


def test_nothing_of_the_photo_but_its_pixels_is_kept(tmp_path):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0)}  # where it was taken
    noise().save(tmp_path / "a.jpg", exif=exif, icc_profile=swapped_profile())
    assert images.read(tmp_path / "a.jpg").info == {}


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 24 * 32).round().astype(np.uint16).reshape(24, 32)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.tif")
    expected = np.rint(values / 257).astype(np.uint8)
    for name in ("a.png", "a.tif"):
        assert np.array_equal(np.asarray(images.read(tmp_path / name))[..., 0], expected)


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colours_keep_their_upper_byte(tmp_path, channels):
    eight = np.random.default_rng(0).integers(0, 256, (6, 5, channels), dtype=np.uint16)
    eight[..., 3:] = 255
    save_deep_png(tmp_path / "a.png", eight * 257)
    assert np.array_equal(np.asarray(images.read(tmp_path / "a.png")), eight[..., :3])


def test_float_greys_are_read_from_0_to_1_and_refused_beyond(tmp_path):
    Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32)).save(tmp_path / "half.tif")
    Image.fromarray(np.full((4, 4), 7.0, dtype=np.float32)).save(tmp_path / "seven.tif")
    assert np.asarray(images.read(tmp_path / "half.tif")).max() == 128
    with pytest.raises(ImageFileError, match=r"seven\.tif .* F pixels run from 7 to 7"):
        images.read(tmp_path / "seven.tif")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_transparency_becomes_white(tmp_path, mode):
    layer = Image.new("RGBA", (8, 8), (255, 0, 0, 255) if mode in ("RGBA", "P") else (40, 40, 40, 255))
    layer.paste((0, 0, 0, 0), (0, 0, 4, 8))
    file = tmp_path / ("a.png" if mode != "PA" else "a.tif")
    (layer if mode == "RGBA" else layer.convert(mode)).save(file)
    found = images.decode(file)
    assert found.image.getpixel((0, 0)) == (255, 255, 255)
    assert found.image.getpixel((7, 7)) != (255, 255, 255)
    assert found.transparent


def test_half_transparent_black_on_white_is_middle_grey(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert images.read(tmp_path / "a.png").getpixel((1, 1)) == (127, 127, 127)


@pytest.mark.parametrize(("mode", "key"), [("L", 9), ("RGB", (1, 2, 3)), ("I;16", 900)])
def test_a_transparent_colour_becomes_white(tmp_path, mode, key):
    Image.new(mode, (4, 4), key).save(tmp_path / "a.png", transparency=key)
    assert images.read(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)


def test_opaque_alpha_changes_nothing(tmp_path):
    noise().convert("RGBA").save(tmp_path / "a.png")
    found = images.decode(tmp_path / "a.png")
    assert same(found.image, noise()) and not found.transparent


def test_cmyk_is_converted(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red, green, blue = images.read(tmp_path / "a.jpg").getpixel((8, 8))
    assert red > 240 and green < 15 and blue < 15
    assert images.decode(tmp_path / "a.jpg").mode == "CMYK"


def test_colours_are_converted_from_their_profile_to_srgb(tmp_path):
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=swapped_profile())
    Image.new("RGBA", (8, 8), (255, 0, 0, 255)).save(tmp_path / "b.png", icc_profile=swapped_profile())
    for name in ("a.png", "b.png"):
        red, green, _ = images.read(tmp_path / name).getpixel((0, 0))
        assert green > 240 and red < 15
        assert "swap" in images.decode(tmp_path / name).profile


def test_an_srgb_profile_changes_no_pixel(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise().save(tmp_path / "a.png", icc_profile=profile)
    assert same(images.read(tmp_path / "a.png"), noise())


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()])
def test_a_profile_that_does_not_fit_is_told_and_the_numbers_stay(tmp_path, profile):
    grey = Image.new("CMYK" if profile != b"nonsense" else "RGB", (8, 8), 0)
    grey.save(tmp_path / "a.jpg", icc_profile=profile)
    with pytest.warns(ColourProfileWarning, match=r"a\.jpg: its colour profile cannot be used"):
        images.read(tmp_path / "a.jpg")


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif", "avif"])
def test_of_an_animation_the_first_frame_is_read_with_a_warning(tmp_path, ending):
    if ending == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:])
    with pytest.warns(AnimationWarning, match=r"several frames; only the first"):
        red, _, blue = images.read(tmp_path / f"a.{ending}").getpixel((8, 8))
    assert red > 200 > 50 > blue


def test_a_phones_double_picture_is_no_animation(tmp_path):
    noise(1).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[noise(2)])
    assert images.decode(tmp_path / "a.jpg").format == "MPO"
    images.read(tmp_path / "a.jpg")  # a warning would be an error here


@pytest.mark.parametrize("ending", ["webp", "bmp", "avif", "gif", "tif"])
def test_other_formats_are_read(tmp_path, ending):
    if ending == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    picture().save(tmp_path / f"a.{ending}")
    read = np.asarray(images.read(tmp_path / f"a.{ending}")).astype(int)
    assert np.abs(read - np.asarray(picture())).mean() < 8


@pytest.mark.parametrize("name", ["mein Foto (1) & Kopie.png", "写真 🐶.png", "a%20b#?.png", "-n.png", "café.png"])
def test_any_name_will_do(tmp_path, name):
    noise().save(tmp_path / name)
    assert same(images.read(tmp_path / name), noise())


def test_the_first_bytes_decide_not_the_ending(tmp_path):
    noise().save(tmp_path / "a.jpg", "PNG")
    assert same(images.read(tmp_path / "a.jpg"), noise())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello, this is no photo", r"text, starting with 'hello, this is no photo'"),
        ("größe".encode() * 200, "text, starting with"),
        (b"<!DOCTYPE html><html><body>404", "web page"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC/HEIF, for which there is no decoder"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "video"),
        (b"\x00" * 4096, "only zeros"),
        (bytes(range(256)) * 4, "no picture format"),
        (b"PK\x03\x04 ...", "ZIP"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    ],
)
def test_what_is_no_photo_is_told_by_what_it_is(tmp_path, data, reason):
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(ImageFileError, match=rf"a\.jpg cannot be read as a picture: its? .*{reason}"):
        images.read(tmp_path / "a.jpg")


def test_avif_without_a_decoder_has_its_reason(tmp_path, monkeypatch):
    (tmp_path / "a.avif").write_bytes(b"\x00\x00\x00\x1cftypavif" + bytes(20))
    assert "AVIF" in signature.describe(tmp_path / "a.avif")[0]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "bmp", "tif"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused_never_filled_with_grey(tmp_path, ending, share):
    whole = tmp_path / f"whole.{ending}"
    noise(size=(64, 64)).save(whole)
    (tmp_path / f"cut.{ending}").write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    with pytest.raises(ImageFileError, match="cut short or damaged"):
        images.read(tmp_path / f"cut.{ending}")


def test_a_gigantic_picture_is_refused_by_its_header(tmp_path):
    save_huge_png(tmp_path / "a.png")
    with pytest.raises(ImageTooLargeError, match=r"30,000 x 30,000 = 900,000,000 pixels and at most 80,000,000"):
        images.read(tmp_path / "a.png")


def test_the_pixel_cap_can_be_set(tmp_path):
    noise().save(tmp_path / "a.png")
    assert images.read(tmp_path / "a.png", max_pixels=32 * 24).size == (32, 24)
    with pytest.raises(ImageTooLargeError, match="32 x 24 = 768 pixels and at most 767"):
        images.read(tmp_path / "a.png", max_pixels=767)


def test_what_is_no_file_is_told(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    reasons = {"folder": "a folder", "loop": "a link", "lost": "a link", "pipe": "no ordinary file", "none": "no such"}
    for name, reason in reasons.items():
        with pytest.raises(ImageFileError, match=reason):
            images.read(tmp_path / f"{name}.jpg")


def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path):
    shuffle, file = random.Random(0), tmp_path / "a"
    for ending in ("jpg", "png", "gif", "webp", "bmp", "avif"):
        if ending == "avif" and not features.check("avif"):
            continue
        noise().save(tmp_path / f"whole.{ending}")
        whole = (tmp_path / f"whole.{ending}").read_bytes()
        for _ in range(50):
            data = bytearray(whole)
            for _ in range(shuffle.choice((1, 2, 8))):
                data[shuffle.randrange(min(len(data), shuffle.choice((60, 10**6))))] = shuffle.randrange(256)
            file.write_bytes(data)
            outcome(file)


def outcome(file: Path) -> None:
    try:
        assert images.decode(file).image.mode == "RGB"
    except ImageFileError as error:
        assert error.reason and error.advice


def test_checking_photos_does_not_load_torch():
    code = (
        "import sys; from likewise import images, imageset; images.read, imageset.check; print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
