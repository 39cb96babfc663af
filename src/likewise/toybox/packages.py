"""The pinned npm packages that hold the world's sprites: fetched once, checked against their published hashes."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from likewise.errors import PackageError


@dataclass(frozen=True)
class Package:
    """One npm package: what it gives the world, and under which licence."""

    name: str
    version: str
    integrity: str  # sha512, base64, as the registry publishes it
    licence: str
    use: str

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
    ),
    Package(
        "fluentui-emoji",
        "1.3.0",
        "JTXXwqIie2rWTgOkIJDJxr0WtwTz2WU4kdOq8buLVThYwQ264aFR2jdTyuon2oEbLqqGMT64zI4btyn1saB2xw==",
        "MIT",
        "style flat",
    ),
    Package(
        "@iconify-json/noto",
        "1.2.9",
        "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
        "Apache-2.0",
        "style cartoon",
    ),
    Package(
        "@twemoji/svg",
        "15.0.0",
        "ZSPef2B6nBaYnfgdTbAy4jgW95o7pi2xPGwGCU+WMTxo7J6B1lMPTWwSq/wTuiMq+N0khQ90CcvYp1wFoQpo/w==",
        "CC-BY-4.0 (graphics, Twemoji contributors)",
        "style sticker",
    ),
    Package(
        "emojibase-data",
        "17.0.0",
        "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
        "MIT",
        "names and tags",
    ),
)


def fetch(folder: Path) -> dict[str, Path]:
    """Every package of the world, unpacked under `folder`: name -> its 'package' folder.

    What is already there with the right hash is not fetched again. Raises PackageError where npm is missing or
    a download does not match its published hash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {package.name: _one(package, folder) for package in PACKAGES}


def _one(package: Package, folder: Path) -> Path:
    unpacked, tarball = folder / package.folder / "package", folder / f"{package.folder}.tgz"
    if not tarball.exists():
        _download(package, folder)
    found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise PackageError(
            f"{tarball.name} does not match the hash that its registry published.\n"
            f"  needed sha512-{package.integrity}\n  found  sha512-{found}\n"
            "Delete the file and run the command again."
        )
    if not unpacked.exists():
        _unpack(tarball, folder / package.folder)
    return unpacked


def _download(package: Package, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError(
            f"npm is needed to fetch {package.name} {package.version}, and was not found.\n"
            f"Install Node.js, or put {package.folder}.tgz into {folder.name}/ yourself."
        )
    call = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode or not (folder / f"{package.folder}.tgz").exists():
        raise PackageError(f"npm could not fetch {package.name} {package.version}:\n{done.stderr.strip()[-500:]}")


def _unpack(tarball: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        if any(".." in PurePosixPath(member.name).parts for member in archive):
            raise PackageError(f"{tarball.name} holds a path that leaves its folder; it was not unpacked.")
        archive.extractall(partial, filter="data")
    partial.rename(target)
