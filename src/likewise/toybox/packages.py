"""The pinned npm packages that hold the world's sprites: fetched once, checked against their published hashes."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from likewise.disk import writing
from likewise.errors import PackageError

PATIENCE = 600  # seconds for one package


@dataclass(frozen=True)
class Package:
    """One npm package: what it gives the world, and under which licence."""

    name: str
    version: str
    integrity: str  # sha512, base64, as the registry publishes it
    licence: str
    use: str
    author: str  # of what the world takes from it
    home: str

    @property
    def folder(self) -> str:
        """Name of the unpacked folder, safe for any file system."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}"


PACKAGES = (
    Package(
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
        "MIT",
        "style 3d",
        "Microsoft Corporation (Fluent Emoji), packaged by LobeHub",
        "https://github.com/microsoft/fluentui-emoji",
    ),
    Package(
        "fluentui-emoji",
        "1.3.0",
        "JTXXwqIie2rWTgOkIJDJxr0WtwTz2WU4kdOq8buLVThYwQ264aFR2jdTyuon2oEbLqqGMT64zI4btyn1saB2xw==",
        "MIT",
        "style flat",
        "Microsoft Corporation (Fluent Emoji), packaged by Mohammad Abu Mattar",
        "https://github.com/microsoft/fluentui-emoji",
    ),
    Package(
        "@iconify-json/noto",
        "1.2.9",
        "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
        "Apache-2.0",
        "style cartoon",
        "Google Inc (Noto Emoji), packaged by Iconify",
        "https://github.com/googlefonts/noto-emoji",
    ),
    Package(
        "@twemoji/svg",
        "15.0.0",
        "ZSPef2B6nBaYnfgdTbAy4jgW95o7pi2xPGwGCU+WMTxo7J6B1lMPTWwSq/wTuiMq+N0khQ90CcvYp1wFoQpo/w==",
        "CC-BY-4.0",
        "style sticker",
        "Twitter, Inc and other contributors (Twemoji), packaged by Samuel Kopp",
        "https://github.com/jdecked/twemoji",
    ),
    Package(
        "emojibase-data",
        "17.0.0",
        "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
        "MIT",
        "names and tags",
        "Miles Johnson (emojibase)",
        "https://github.com/milesj/emojibase",
    ),
)


def fetch(folder: Path, progress: Callable[[int, int], None] | None = None) -> dict[str, Path]:
    """Every package of the world, unpacked under `folder`: name -> its 'package' folder.

    What is already there with the right hash is not fetched again. progress: told (packages ready, in all). Raises
    PackageError where npm or the network is missing, or a download does not match its published hash.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for package in PACKAGES:
        found[package.name] = _one(package, folder)
        if progress:
            progress(len(found), len(PACKAGES))
    return found


def _one(package: Package, folder: Path) -> Path:
    unpacked, tarball = folder / package.folder / "package", folder / f"{package.folder}.tgz"
    if not tarball.exists():
        _download(package, tarball)
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise PackageError(
            f"{tarball} does not match the hash that its registry published.\n"
            f"  needed sha512-{package.integrity}\n  found  sha512-{found}\n"
            "Delete the file and run the command again."
        )
    if not unpacked.exists():
        with writing(unpacked):
            _unpack(tarball, unpacked.parent)
    return unpacked


def _download(package: Package, tarball: Path) -> None:
    by_hand = f"put {tarball.name} into {tarball.parent} yourself"
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(
            f"npm is needed to fetch {package.name} {package.version}, and was not found.\n"
            f"Install Node.js, or {by_hand}."
        )
    with writing(tarball), tempfile.TemporaryDirectory(prefix=".likewise-npm-", dir=tarball.parent) as folder:
        call = [npm, "pack", f"{package.name}@{package.version}", "--loglevel=error", "--pack-destination", folder]
        problem = _called(call)
        fetched = Path(folder) / tarball.name
        if problem is None and fetched.exists():
            fetched.replace(tarball)
            return
    raise PackageError(
        f"npm could not fetch {package.name} {package.version}: {problem or 'it wrote no file'}.\n"
        f"Check that this machine reaches the npm registry and run the command again, or {by_hand}."
    )


def _called(call: list[str]) -> str | None:
    """What went wrong, in a few words; None where nothing did."""
    try:
        done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"no answer within {PATIENCE} s"
    said = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if line.startswith("npm error")]
    return None if done.returncode == 0 else "; ".join(said[:3]) or f"it ended with status {done.returncode}"


def _unpack(tarball: Path, target: Path) -> None:
    """Unpack into `target`, whole or not at all; a path or link that leaves its folder is refused, not mended."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with tarfile.open(tarball) as archive:
            if any(_leaves(member.name) for member in archive):
                raise PackageError(f"{tarball} holds a path that leaves its folder; it was not unpacked.")
            archive.extractall(partial, filter="data")
    except tarfile.TarError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise PackageError(f"{tarball} cannot be unpacked: {error}.") from error
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _leaves(name: str) -> bool:
    return ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name
