"""Small pictures in every awkward format, made by the tests."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

WIDTH, HEIGHT = 32, 24
UNDONE_BY = {  # EXIF orientation -> how its pixels lie in the file
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """8 x 8 blocks of random greys: without symmetry, and exact in JPEG however it is turned."""
    blocks = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8), dtype=np.uint8)
    return Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)).convert("RGB")


def noise(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def save_turned(path: Path, image: Image.Image, orientation: int, **options) -> None:
    """A file whose EXIF tag turns its pixels back into `image`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    method = UNDONE_BY[orientation]
    (image if method is None else image.transpose(method)).save(path, exif=exif, **options)


def save_huge_png(path: Path, width: int = 30_000, height: int = 30_000) -> None:
    """A header that promises `width` x `height` pixels, and a few bytes; nothing here could be decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def save_deep_png(path: Path, values: np.ndarray) -> None:
    """16 bits a channel, (H, W, 3 or 4) uint16, which Pillow reads but does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def swapped_profile() -> bytes:
    """An ICC profile of a display whose red and green are exchanged, so that its use cannot be overlooked."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    where = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = where[b"rXYZ"], where[b"gXYZ"]
    data[red + 4 : red + 12], data[green + 4 : green + 12] = data[green + 4 : green + 12], data[red + 4 : red + 12]
    return bytes(data).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB b", b"swap b")
