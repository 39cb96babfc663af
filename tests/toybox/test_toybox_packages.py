"""Packages: only what was pinned is unpacked, whole or not at all, and every failure says what to do."""

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile

import pytest

from likewise.errors import PackageError, SpriteError, WriteError
from likewise.toybox import packages, sprites
from likewise.toybox.concepts import STYLES, Concept
from likewise.toybox.packages import PACKAGES, Package

RECT = '<rect x="2" y="6" width="12" height="4" fill="red"/>'
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{RECT}</svg>'


def tarball(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
    return path


def pin(path, name="@art/red"):
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    return Package(name, "1.0.0", digest, "MIT", "style 3d", "A", "https://example.org")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A package of one file, pinned, its tarball where npm would have put it."""
    folder = tmp_path / "packages"
    folder.mkdir()
    package = pin(tarball(folder / "art-red-1.0.0.tgz", {"package/a.txt": b"red"}))
    monkeypatch.setattr(packages, "PACKAGES", (package,))
    return folder


def no_npm(*_, **__):
    raise AssertionError("npm was called")


def fake_npm(tmp_path, monkeypatch, script):
    """Put a script called npm first on the path."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (place / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")


def test_what_is_there_is_unpacked_once_and_not_fetched(made, monkeypatch):
    monkeypatch.setattr(subprocess, "run", no_npm)
    told = []
    found = packages.fetch(made, lambda *parts: told.append(parts))
    assert (found["@art/red"] / "a.txt").read_text() == "red" and told == [(1, 1)]
    (found["@art/red"] / "a.txt").write_text("mine")
    assert (packages.fetch(made)["@art/red"] / "a.txt").read_text() == "mine"


def test_a_package_with_another_hash_is_refused_before_it_is_unpacked(made):
    tarball(made / "art-red-1.0.0.tgz", {"package/a.txt": b"blue"})
    with pytest.raises(PackageError, match=r"(?s)art-red-1\.0\.0\.tgz does not match.*needed sha512-.*Delete the file"):
        packages.fetch(made)
    assert [path.name for path in made.iterdir()] == ["art-red-1.0.0.tgz"]


@pytest.mark.parametrize(
    "members",
    [
        {"package/../../evil.txt": b"x"},
        {"/evil.txt": b"x"},
        {"package\\..\\evil.txt": b"x"},
        {"package/link": "../../evil.txt"},
        {"package/link": "/etc/passwd"},
    ],
)
def test_a_package_that_reaches_out_of_its_folder_is_refused(made, monkeypatch, members):
    monkeypatch.setattr(packages, "PACKAGES", (pin(tarball(made / "art-red-1.0.0.tgz", members)),))
    with pytest.raises(PackageError, match="art-red"):
        packages.fetch(made)
    assert not list(made.parent.rglob("evil.txt")) and not (made / "art-red-1.0.0").exists()


def test_a_half_unpacked_package_is_unpacked_anew(made):
    partial = made / "art-red-1.0.0.partial" / "package"
    partial.mkdir(parents=True)
    (partial / "old.txt").write_text("old")
    folder = packages.fetch(made)["@art/red"]
    assert [path.name for path in folder.iterdir()] == ["a.txt"] and not partial.exists()


def test_a_missing_npm_names_the_remedy(made, monkeypatch):
    (made / "art-red-1.0.0.tgz").unlink()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PackageError, match=r"(?s)npm is needed.*Install Node\.js, or put art-red-1\.0\.0\.tgz into"):
        packages.fetch(made)


def test_a_missing_network_names_the_remedy(made, tmp_path, monkeypatch):
    (made / "art-red-1.0.0.tgz").unlink()
    fake_npm(tmp_path, monkeypatch, 'echo "npm error code ENOTFOUND" >&2; exit 1')
    with pytest.raises(PackageError, match=r"(?s)@art/red 1\.0\.0: code ENOTFOUND.*reaches the npm registry"):
        packages.fetch(made)
    assert list(made.iterdir()) == []


def test_npm_gets_the_pinned_version_and_its_file_is_kept(made, tmp_path, monkeypatch):
    (made / "art-red-1.0.0.tgz").rename(tmp_path / "published.tgz")
    wanted = f'[ "$2" = "@art/red@1.0.0" ] && cp {tmp_path}/published.tgz "$5/art-red-1.0.0.tgz"'
    fake_npm(tmp_path, monkeypatch, wanted)
    assert (packages.fetch(made)["@art/red"] / "a.txt").read_text() == "red"
    assert sorted(path.name for path in made.iterdir()) == ["art-red-1.0.0", "art-red-1.0.0.tgz"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="file"):
        packages.fetch(tmp_path / "file" / "packages")


def test_every_package_is_pinned_with_a_licence_and_an_author():
    assert len({package.folder for package in PACKAGES}) == len(PACKAGES) == 5
    for package in PACKAGES:
        assert len(base64.b64decode(package.integrity)) == 64
        assert package.licence in ("MIT", "Apache-2.0", "CC-BY-4.0") and package.author and package.home


# Sprites out of packages


@pytest.fixture
def art(tmp_path):
    """Packages that draw one thing, a red bar, in each of the four ways."""
    from PIL import Image

    found = {package.name: tmp_path / package.folder for package in PACKAGES}
    code = "1f534"
    files = {
        found["@iconify-json/noto"] / "icons.json": json.dumps({"icons": {"red-bar": {"body": RECT}}}),
        found["@iconify-json/noto"] / "chars.json": f'{{"{code}": "red-bar"}}',
        found["emojibase-data"] / "en" / "data.json": f'[{{"hexcode": "{code.upper()}", "label": "red bar"}}]',
        found["fluentui-emoji"] / "icons" / "flat" / "red-bar.svg": SVG,
        found["@twemoji/svg"] / f"{code}.svg": SVG,
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    webp = found["@lobehub/fluent-emoji-3d"] / "assets" / f"{code}.webp"
    webp.parent.mkdir(parents=True)
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (8, 24, 56, 40))
    picture.save(webp, lossless=True)
    return found


BAR = Concept("red bar", "thing", "\U0001f534")


def test_all_four_styles_are_cropped_to_their_drawing_at_one_size(art, tmp_path):
    told = []
    made = sprites.render(art, [BAR], tmp_path / "sprites", lambda *parts: told.append(parts))
    for style in STYLES:
        sprite = made.get(style, "red bar")
        assert sprite.mode == "RGBA" and sprite.width == sprites.SIZE and abs(sprite.height - sprites.SIZE / 3) < 2
        assert sprite.getpixel((80, sprite.height // 2)) == (255, 0, 0, 255)
    assert told == [(1, 1)]


def test_a_sprite_that_is_there_is_kept(art, tmp_path):
    place = tmp_path / "sprites" / "flat" / "red bar.png"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    sprites.render(art, [BAR], tmp_path / "sprites")
    assert place.read_bytes() == b"mine" and (tmp_path / "sprites" / "3d" / "red bar.png").exists()


def test_a_thing_without_art_is_named(art, tmp_path):
    (art["@twemoji/svg"] / "1f534.svg").unlink()
    with pytest.raises(SpriteError, match=r"'sticker' picture of .* red bar"):
        sprites.render(art, [BAR], tmp_path / "sprites")
