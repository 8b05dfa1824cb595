# SPDX-License-Identifier: Apache-2.0
"""Writer of many kinds of TIFF files for tests, including those that tifffile cannot write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

LZW, PACKBITS, DEFLATE = 5, 32773, 8


def write_tiff(
    path: Path,
    values: np.ndarray,
    *,
    codec: int | None = None,
    planar: bool = False,
    tile: int | None = None,
    rows: int | None = None,
    predictor: bool = False,
    **options: Any,
) -> None:
    """Write one page of whole numbers, ``(H, W)`` or ``(H, W, C)``.

    The codec is :data:`LZW`, :data:`PACKBITS`, :data:`DEFLATE` or None. ``tile`` is the side of
    square tiles; without it, strips have ``rows`` rows.
    """
    data = np.moveaxis(values, -1, 0) if planar else values
    if values.ndim == 3:
        options["planarconfig"] = "separate" if planar else "contig"
    rows = rows or values.shape[0]
    options |= {"tile": (tile, tile)} if tile else {"rowsperstrip": rows}
    if codec:
        options |= {"compression": "zlib", "predictor": 2 if predictor else None}
    if codec in (None, DEFLATE):
        tifffile.imwrite(path, data, **options)
        return
    encode, order = {LZW: _lzw, PACKBITS: _packbits}[codec], options.get("byteorder", "<")
    pieces = _pieces(data if planar else data[None], tile, rows)
    encoded = iter([encode(_to_bytes(piece, predictor, order)) for piece in pieces])
    tifffile.imwrite(path, encoded, shape=data.shape, dtype=data.dtype, **options)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["Compression"].overwrite(codec)


def _pieces(planes: np.ndarray, tile: int | None, rows: int) -> Iterator[np.ndarray]:
    """Iterate over strips or padded tiles of ``(P, H, W)`` or ``(P, H, W, C)``."""
    for plane in planes:
        if tile is None:
            yield from (plane[y : y + rows] for y in range(0, len(plane), rows))
            continue
        for y in range(0, plane.shape[0], tile):
            for x in range(0, plane.shape[1], tile):
                piece = plane[y : y + tile, x : x + tile]
                pad = [(0, tile - piece.shape[0]), (0, tile - piece.shape[1])]
                yield np.pad(piece, pad + [(0, 0)] * (piece.ndim - 2))


def _to_bytes(piece: np.ndarray, predictor: bool, order: str) -> bytes:
    if piece.dtype == np.bool_:
        return np.packbits(piece, axis=1).tobytes()
    if predictor:
        piece = np.concatenate([piece[:, :1], np.diff(piece, axis=1)], axis=1)
    return piece.astype(piece.dtype.newbyteorder(order)).tobytes()


def _lzw(content: bytes) -> bytes:
    """Encode as LZW without back references: clear the table before codes grow to ten bits."""
    codes = []
    for i in range(0, len(content), 200):
        codes += [256, *content[i : i + 200]]
    bits = (np.array([*codes, 257])[:, None] >> np.arange(8, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def _packbits(content: bytes) -> bytes:
    """Encode as PackBits with literal runs only."""
    runs = (content[i : i + 128] for i in range(0, len(content), 128))
    return b"".join(bytes([len(run) - 1]) + run for run in runs)
