# SPDX-License-Identifier: Apache-2.0
"""Which file a name from another machine means: by the longest ending of its path."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit


class Matches(NamedTuple):
    """Files by the position of their names.

    Attributes:
        files: File of every name that one was found for.
        ambiguous: Positions of names that could mean several files, or share one with others.
        missing: Positions of names without a file.
    """

    files: dict[int, Path]
    ambiguous: list[int]
    missing: list[int]


class _Fit(NamedTuple):
    """How well a path and a name agree; the larger, the better."""

    whole: bool  # the name is the path below the folder
    parts: int  # that agree, from the end
    exact: int  # of them without regard to case


def match_names(names: Sequence[str], files: Sequence[Path], root: Path) -> Matches:
    """Find the files that names mean.

    A name and a file belong together if one of the two is an ending of the other: ``a/1.png`` goes
    with ``root/a/1.png`` and with ``root/1.png``, and ``1.png`` with ``root/a/1.png``. The longest
    ending counts. Names may be of Windows, absolute, percent-encoded, or URLs; letters may differ
    in case and in their Unicode form where nothing else fits.

    Args:
        names: As a file of outlines gives them.
        files: Files below ``root``.
        root: Folder of the files.
    """
    by_base: dict[str, list[Path]] = {}
    for file in files:
        by_base.setdefault(fold(file.name), []).append(file)
    home = _parts(root.resolve().as_posix())
    depth = {file: len(file.relative_to(root).parts) for file in files}
    best: dict[int, tuple[_Fit, Path]] = {}
    ambiguous: set[int] = set()
    for i, name in enumerate(names):
        for parts in spellings(name):
            fits = []
            for file in by_base.get(fold(parts[-1]), ()) if parts else ():
                fit = _fit(parts, home, file.relative_to(root).parts)
                if fit:
                    fits.append((fit, file))
            if fits:
                fits.sort(key=lambda one: one[0], reverse=True)
                if len(fits) > 1 and fits[0][0] == fits[1][0]:
                    ambiguous.add(i)
                else:
                    best[i] = fits[0]
                break
    _drop_other_folders(best, names, depth)
    _drop_rivals(best, names, ambiguous)
    found = {i: file for i, (_, file) in best.items()}
    missing = [i for i in range(len(names)) if i not in found and i not in ambiguous]
    return Matches(found, sorted(ambiguous), missing)


def _drop_other_folders(
    best: dict[int, tuple[_Fit, Path]], names: Sequence[str], depth: dict[Path, int]
) -> None:
    """Where names know the folder of images, names of other folders are not of its files."""
    if not any(fit.parts > depth[file] for fit, file in best.values()):
        return
    for i, (fit, file) in list(best.items()):
        longer = all(len(parts) > fit.parts for parts in spellings(names[i]))
        if longer and fit.parts <= depth[file]:
            del best[i]


def _drop_rivals(
    best: dict[int, tuple[_Fit, Path]], names: Sequence[str], ambiguous: set[int]
) -> None:
    """Of different names for one file the one that fits best keeps it."""
    by_file: dict[Path, list[int]] = {}
    for i, (_, file) in best.items():
        by_file.setdefault(file, []).append(i)
    for rivals in by_file.values():
        top = max(best[i][0] for i in rivals)
        first = [i for i in rivals if best[i][0] == top]
        same = len({tuple(spellings(names[i])[-1]) for i in first}) == 1
        for i in rivals:
            if i not in first:
                del best[i]
            elif not same:
                ambiguous.add(i)
                del best[i]


def _fit(parts: Sequence[str], home: Sequence[str], inside: Sequence[str]) -> _Fit | None:
    """How a name fits a path below the folder ``home``; None if neither is an ending."""
    path = [*home, *inside]
    agree = exact = 0
    for a, b in zip(reversed(parts), reversed(path), strict=False):
        if fold(a) != fold(b):
            break
        agree += 1
        exact += form(a) == form(b)
    if agree < min(len(parts), len(inside)):
        return None
    return _Fit([*map(form, parts)] == [*map(form, inside)], agree, exact)


def spellings(name: str) -> list[list[str]]:
    """Parts of a path as it is written, and as it reads without percent codes or as a URL."""
    found = [_parts(name)]
    plain = name
    if "://" in name:
        try:
            url = urlsplit(name)
            plain = parse_qs(url.query).get("d", [url.path])[0]
        except ValueError:
            return found
    elif name.startswith("/data/local-files/?d="):  # of Label Studio
        plain = name.partition("=")[2]
    if "%" in plain:
        plain = unquote(plain)
    if plain != name:
        found.append(_parts(plain))
    return found


def _parts(name: str) -> list[str]:
    """Parts of a path, without drive, ``.`` and what ``..`` takes back."""
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", ".") and not (len(part) == 2 and part[1] == ":"):
            parts.append(part)
    return parts


def form(name: str) -> str:
    """A name with its accents coded in one way."""
    return unicodedata.normalize("NFC", name)


def fold(name: str) -> str:
    """A name without regard to case and to how accents are coded."""
    return form(form(name).casefold())
