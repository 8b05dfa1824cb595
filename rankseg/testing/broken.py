# SPDX-License-Identifier: Apache-2.0
"""Contents of unusual or broken image files, and a small valid data set to put them into."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

NOISE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
SMOOTH = np.kron(NOISE[:4, :5], np.ones((2, 2, 1), np.uint8))
GRAY = NOISE[..., 0]
FINE = {"quality": 95, "subsampling": 0}  # options of a JPEG with little loss
LABELS = np.tile(np.array([0, 1, 2, 255, 1], np.uint8), (8, 2))


def write_set(root: Path) -> Path:
    """Write a set of 10x8 PNGs: 0 and 1 are labeled, 2 to 4 unlabeled, 5 and 6 for validation."""
    for folder in ("images", "masks", "splits/few"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("sky\nroad\ncar\n")
    for i in range(7):
        (root / f"images/{i}.png").write_bytes(saved(NOISE))
        (root / f"masks/{i}.png").write_bytes(saved(LABELS))
    pair = "images/{0}.png masks/{0}.png\n"
    lists = {
        "splits/few/labeled.txt": "".join(map(pair.format, (0, 1))),
        "splits/few/unlabeled.txt": "".join(f"images/{i}.png\n" for i in (2, 3, 4)),
        "splits/val.txt": "".join(map(pair.format, (5, 6))),
    }
    for name, text in lists.items():
        (root / name).write_text(text)
    return root


def saved(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    """Encode a file with Pillow; ``mode`` converts the image first."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    mode = options.pop("mode", None)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def written(ending: str, pixels: np.ndarray) -> bytes:
    """Encode a file with OpenCV."""
    return cv2.imencode(ending, pixels)[1].tobytes()


def frames(kind: str) -> bytes:
    """Encode two pictures in one file."""
    return saved(NOISE, kind, save_all=True, append_images=[Image.fromarray(255 - NOISE)])


def turned(kind: str, tag: int = 6) -> bytes:
    """Encode a picture with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = tag
    return saved(SMOOTH, kind, exif=exif, **(FINE if kind == "JPEG" else {}))


def cut(content: bytes, share: float = 0.6) -> bytes:
    """Return the beginning of a file."""
    return content[: int(share * len(content))]


def png(width: int, height: int, body: bytes = b"", depth: int = 8, color: int = 2) -> bytes:
    """Encode a PNG with an arbitrary header."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def flipped(content: bytes) -> bytes:
    """Overwrite the second half of a file, and keep its length."""
    half = len(content) // 2
    return content[:half] + bytes(byte ^ 0x55 for byte in content[half:-12]) + content[-12:]
