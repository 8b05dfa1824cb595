# SPDX-License-Identifier: Apache-2.0
"""Opening and header checks of image files, before their pixels are decoded."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from rankseg.errors import FileError

LIMIT = "RANKSEG_MAX_PIXELS"
"""Environment variable with the number of pixels above which an image is rejected."""

if os.environ.get(LIMIT, "").isdecimal():
    Image.MAX_IMAGE_PIXELS = int(os.environ[LIMIT]) // 2  # Pillow warns there and raises at twice

CANNOT_READ = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
"""Exceptions that Pillow raises on a damaged or unknown file."""

ORIENTATION = 0x0112
UPRIGHT = 1
ANIMATED = ("GIF", "PNG", "WEBP", "TIFF")  # a phone's JPEG may embed a second image

DAMAGED = "it is truncated or damaged"

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Header(NamedTuple):
    """Header information of an image.

    Attributes:
        kind: Pillow's name of the format; ``None`` if only OpenCV may support it.
        mode: Pillow's mode, such as ``RGB``, ``L``, ``P``, ``I;16``.
        height: Height in pixels, as stored.
        width: Width in pixels, as stored.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
    """

    kind: str | None
    mode: str
    height: int
    width: int
    orientation: int


def open_file(path: str | Path, what: str = "image") -> BinaryIO:
    """Open a file, which must be regular and not empty.

    The path is checked before opening, because opening a pipe would block.

    Raises:
        FileNotFoundError: If the file does not exist, or is a broken link.
        PermissionError: If the file is not readable.
        FileError: If the file is empty or not regular, or the disk fails.
    """
    try:
        found = os.stat(path)
        for test, name in _KINDS:
            if test(found.st_mode):
                raise FileError(
                    f"Expected {what} {path} to be a file, but it is {name}. Remove it from the "
                    f"list, or put the {what} there."
                )
        if not found.st_size:
            raise FileError(
                f"Expected {what} {path} to have content, but it is empty (0 bytes). Copy it "
                "again, or remove it from the lists."
            )
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path, what) from None
    except PermissionError:
        raise PermissionError(
            f"Expected {what} {path} to be readable, but you have no permission. Change the "
            "permissions of the file (chmod +r) or of its folder."
        ) from None
    except OSError as error:
        raise disk_error(path, error, what) from error


def read_content(path: str | Path, what: str = "image") -> bytes:
    """Return all bytes of a file; raises like :func:`open_file`."""
    with open_file(path, what) as file:
        try:
            return file.read()
        except OSError as error:
            raise disk_error(path, error, what) from error


def _missing(path: str | Path, what: str) -> FileNotFoundError:
    listed = what in ("image", "mask")
    cure = "Correct the list that names it, or the data root." if listed else "Check the path."
    if os.path.islink(path):
        return FileNotFoundError(
            f"Expected to find {what} {path}, but it is a link to {os.readlink(path)}, which does "
            "not exist. Correct or remove the link."
        )
    return FileNotFoundError(f"Expected to find {what} {path}, but it does not exist. {cure}")


def disk_error(path: str | Path, error: OSError, what: str = "image") -> FileError:
    """Return the error for an existing file that the disk or network cannot deliver."""
    return FileError(
        f"Expected {what} {path} to be readable, but it cannot be read "
        f"({error.strerror or error}). Check the disk or the network folder that holds it."
    )


def undecodable(path: str | Path, reason: object, what: str = "image") -> FileError:
    """Return the error for an image that cannot be decoded."""
    form = "JPEG or PNG" if what == "image" else "a single-channel PNG"
    reason = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    return FileError(
        f"Expected {what} {path} to be a valid image file, but it cannot be decoded ({reason}). "
        f"Save it again as {form}, or remove it from the lists."
    )


def too_large(path: str | Path, what: str = "image") -> FileError:
    """Return the error for an unreasonably large image."""
    return FileError(
        f"Expected {what} {path} to have at most {2 * Image.MAX_IMAGE_PIXELS} pixels, but its "
        "header claims more. Cut it into tiles, or raise the limit with the environment variable "
        f"{LIMIT}=NUMBER."
    )


def several_images(path: str | Path, number: int, kind: str, what: str = "image") -> FileError:
    """Return the error for a file that holds more than one image."""
    return FileError(
        f"Expected {what} {path} to hold one image, but got {number} (an animated or multi-page "
        f"{kind}). Save each image as a separate file."
    )


def open_image(file: BinaryIO, path: str | Path, what: str = "image") -> Image.Image:
    """Open an image with Pillow and reject all but single images; pixels are not decoded.

    Raises:
        UnidentifiedImageError: If Pillow does not know the file format.
        FileError: If the header is damaged, or is that of an animation, a stack of pages, an
            unreasonably large image, or a PGM or PPM file with an unusual white value.
    """
    try:
        image = Image.open(file)
        stack = image.format in ANIMATED and getattr(image, "is_animated", False)
        number = image.n_frames if stack else 1
    except UnidentifiedImageError:
        raise
    except Image.DecompressionBombError:
        raise too_large(path, what) from None
    except CANNOT_READ as error:
        raise undecodable(path, error, what) from error
    if number > 1:
        raise several_images(path, number, image.format, what)
    white = _white_of_netpbm(image)
    if white < 255 or (what != "image" and white not in (255, 65535)):
        raise FileError(
            f"Expected {what} {path} to be a PGM or PPM file whose largest value is 255 or 65535, "
            f"but its header says {white}. Save it as PNG, because programs disagree on whether "
            "such values are scaled."
        )
    return image


def _white_of_netpbm(image: Image.Image) -> int:
    """Return the white value in the header of a PGM or PPM file, else 255."""
    arguments = image.tile[0].args if image.format == "PPM" and image.tile else ()
    # Pillow scales values by a number stored next to the mode; 255 and 65535 need no scaling
    return arguments[1] if isinstance(arguments, tuple) and len(arguments) > 1 else 255


def header_of(image: Image.Image, path: str | Path) -> Header:
    """Return the header of an opened image.

    Raises:
        FileError: If its pixels are not 8-bit or 16-bit numbers.
    """
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise FileError(
            f"Expected image {path} to have 8 or 16 bits per channel, but got {kind} numbers (mode "
            f"{image.mode}). Scale them to 0 to 255, and save the image as PNG."
        )
    if image.format == "PNG" and "exif" not in image.info:  # else Pillow decodes all pixels
        return Header(image.format, image.mode, image.height, image.width, UPRIGHT)
    try:
        orientation = int(image.getexif().get(ORIENTATION, UPRIGHT))
    except Exception:  # damaged tags do not affect the pixels
        orientation = UPRIGHT
    return Header(image.format, image.mode, image.height, image.width, orientation)


def unknown_kind(content: bytes, path: str | Path, what: str = "image") -> FileError:
    """Return the error for a file that is not an image, with its text as an explanation."""
    start = content[:40]
    if start.isascii() and start.decode().replace("\n", " ").isprintable():
        text = " ".join(start.decode().split())
        return undecodable(path, f"it is text that starts with '{text}'", what)
    return undecodable(path, "it is damaged, or OpenCV cannot read this format", what)
