"""What a file that is no picture is instead, told from its first bytes."""

from pathlib import Path

AS_JPEG = "Save it as JPEG or PNG"

_SIGNATURES = (  # (first bytes, what it is, what to do)
    (b"%PDF", "it is a PDF document", "Save its picture as PNG"),
    (b"8BPS", "it is a Photoshop document", "Export it as PNG"),
    (b"%!PS", "it is PostScript", "Export it as PNG"),
    (b"\xff\x0a", "it is JPEG XL, for which there is no decoder here", AS_JPEG),
    (b"\x00\x00\x00\x0cJXL ", "it is JPEG XL, for which there is no decoder here", AS_JPEG),
    (b"\x00\x00\x00\x0cjP  ", "it is JPEG 2000, which is not read", AS_JPEG),
    (b"PK\x03\x04", "it is a ZIP archive", "Unpack it"),
    (b"version https://git-lfs", "it is a Git LFS pointer, not the picture", "Run: git lfs pull"),
)
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WEB = ("<!doctype html", "<html")


def describe(path: Path) -> tuple[str, str]:
    """(what the file is, what to do), for a file in which no allowed format was recognised."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "it is empty (0 bytes)", "Copy it again from where it came from, or leave it out"
    for start, found, advice in _SIGNATURES:
        if head.startswith(start):
            return found, advice
    if head[4:8] == b"ftyp":
        return _media(head[8:12])
    if not head.strip(b"\x00"):
        return "it holds only zeros; the copy or download failed", "Copy it again from where it came from"
    return _text(head)


def _media(brand: bytes) -> tuple[str, str]:
    if brand in _HEIF:
        return "it is HEIC/HEIF, for which there is no decoder here", f"{AS_JPEG} (phones can: 'most compatible')"
    if brand in (b"avif", b"avis"):
        return "it is AVIF, and it is damaged or this Pillow has no decoder for it", AS_JPEG
    return "it is a video or another media file", "Save one of its frames as PNG"


def _text(head: bytes) -> tuple[str, str]:
    try:
        words = head.decode("utf-8", errors="strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return "its first bytes are those of no picture format that is read", AS_JPEG
    if "\x00" in words or not words.strip():
        return "its first bytes are those of no picture format that is read", AS_JPEG
    start = " ".join(words.split())
    if start.lower().startswith(_WEB):
        return "it is a web page", "Download the picture itself"
    if "<svg" in start[:300].lower():
        return "it is an SVG drawing", "Export it as PNG"
    return f"it is text, starting with {start[:24]!r}", "Remove it, or give it a text file's name"
