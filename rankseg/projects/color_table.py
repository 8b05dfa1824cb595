# SPDX-License-Identifier: Apache-2.0
"""Reader for files that map mask colors to classes."""

import re
from pathlib import Path

from rankseg.datasets.class_names import split_lines
from rankseg.errors import FileError
from rankseg.imageio.image_files import read_content
from rankseg.imageio.masks import IGNORE
from rankseg.projects.mask_decoding import pack
from rankseg.utils.found_names import form

IGNORED = ("ignore", "void")
"""Names of colors whose pixels are ignored."""

HEX = re.compile(r"#([0-9a-fA-F]{6})$")
CVAT = re.compile(r"(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*$")
LABEL_MAP = "labelmap.txt"
BACKGROUND = "background"
EXAMPLE = "'0 0 255 car', 'car, 0, 0, 255' or '#0000ff car'"


def read_color_table(path: str | Path) -> dict[int, str]:
    """Read lines such as ``0 0 255 car``, ``car,0,0,255``, ``#0000ff car`` or ``car:0,0,255::``.

    The last form is that of CVAT's ``labelmap.txt``; its ``background`` is always class 0, wherever
    it appears. Blank lines, a header, and lines that start with ``#`` and a space are skipped.
    Colors with the same name form one class. Pixels with a name in :data:`IGNORED` are ignored.

    Returns:
        Name by ``0xRRGGBB``, in the order of the class ids: the order of the file, except for
        CVAT's background.

    Raises:
        FileNotFoundError: If the file does not exist.
        FileError: If a line cannot be parsed, a color appears twice, or there are fewer than two
            classes.
    """
    try:
        text = read_content(path, "color table").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"Expected color table {path} to be UTF-8 text, lines such as {EXAMPLE}, but it is "
            "not. Save it as UTF-8."
        ) from error
    table: dict[int, str] = {}
    for number, line in enumerate(split_lines(text), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0] == "#" or (number == 1 and not re.search(r"\d|#", line)):
            continue
        label = CVAT.match(line.strip())
        if label:
            words = [*label.groups()[1:], *label[1].split()]
        code, name = _parse(words, f"line {number} of {path}", line)
        name = form(name)
        if table.get(code, name) != name:
            raise FileError(
                f"Expected one name per color, but line {number} of {path} names #{code:06x} "
                f"'{name}', and a line before it '{table[code]}'. Remove one of the lines."
            )
        table[code] = name
        if label and name.lower() == BACKGROUND:
            table = {code: name, **table}
    classes = {name for name in table.values() if name.lower() not in IGNORED}
    if len(classes) < 2:
        raise FileError(
            f"Expected color table {path} to name two or more classes, but got {len(classes)}. Add "
            f"lines such as {EXAMPLE}."
        )
    if len(classes) > IGNORE:
        raise FileError(
            f"Expected at most {IGNORE} classes in color table {path}, as 8-bit masks hold the ids "
            f"0 to 254, but got {len(classes)}. Give several colors the same name."
        )
    return table


def find_label_map(masks: Path) -> Path | None:
    """Find CVAT's ``labelmap.txt`` in or next to a folder of masks; return None without one."""
    for path in (masks / LABEL_MAP, masks.parent / LABEL_MAP):
        if masks.is_dir() and path.is_file():
            text = read_content(path, "color table").decode("utf-8", "replace")
            if any(CVAT.match(line.strip()) for line in split_lines(text)):
                return path
    return None


def _parse(words: list[str], where: str, line: str) -> tuple[int, str]:
    """Return the color code and the name in a line."""
    found = HEX.match(words[0])
    if found and len(words) > 1:
        return int(found[1], 16), " ".join(words[1:])
    for color, name in ((words[:3], words[3:]), (words[-3:], words[:-3])):
        if name and all(word.isdecimal() and int(word) < 256 for word in color):
            red, green, blue = map(int, color)
            return pack((red, green, blue)), " ".join(name)
    raise FileError(
        f"Expected a color and its name in {where}, but got '{line.strip()[:60]}'. Write {EXAMPLE}."
    )
