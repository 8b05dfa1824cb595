# SPDX-License-Identifier: Apache-2.0
"""Matching of file names from another machine to local files by longest common path suffix."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit


class Matches(NamedTuple):
    """Result of :func:`match_names`, indexed by the position of each name.

    Attributes:
        files: The matching file of each name that has one.
        ambiguous: Positions of names that match several files or share one with other names.
        missing: Positions of names without a file.
    """

    files: dict[int, Path]
    ambiguous: list[int]
    missing: list[int]


class _Fit(NamedTuple):
    """Quality of the match between a path and a name; larger is better."""

    whole: bool  # the name is the full path below the folder
    parts: int  # matching parts, counted from the end
    exact: int  # matching parts whose case agrees too


def match_names(names: Sequence[str], files: Sequence[Path], root: Path) -> Matches:
    """Find the file below ``root`` that each name refers to.

    A name matches a file if one path is a suffix of the other: ``a/1.png`` matches
    ``root/a/1.png`` and ``root/1.png``, and ``1.png`` matches ``root/a/1.png``. The longest suffix
    wins. Names may be Windows paths, absolute paths, percent-encoded paths or URLs. Case and
    Unicode normalization may differ if there is no better match.
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
    """Drop matches of names from other folders if some names include the path of the root."""
    if not any(fit.parts > depth[file] for fit, file in best.values()):
        return
    for i, (fit, file) in list(best.items()):
        longer = all(len(parts) > fit.parts for parts in spellings(names[i]))
        if longer and fit.parts <= depth[file]:
            del best[i]


def _drop_rivals(
    best: dict[int, tuple[_Fit, Path]], names: Sequence[str], ambiguous: set[int]
) -> None:
    """Keep only the best match for each file; mark different names that tie as ambiguous."""
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
    """Compare a name with a path below ``home``; return None if neither is a suffix."""
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
    """Return the parts of a path as written, and as decoded from percent codes or a URL."""
    found = [_parts(name)]
    plain = name
    if "://" in name:
        try:
            url = urlsplit(name)
            plain = parse_qs(url.query).get("d", [url.path])[0]
        except ValueError:
            return found
    elif name.startswith("/data/local-files/?d="):  # Label Studio
        plain = name.partition("=")[2]
    if "%" in plain:
        plain = unquote(plain)
    if plain != name:
        found.append(_parts(plain))
    return found


def _parts(name: str) -> list[str]:
    """Split a path into parts without the drive, with ``.`` and ``..`` resolved."""
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", ".") and not (len(part) == 2 and part[1] == ":"):
            parts.append(part)
    return parts


def form(name: str) -> str:
    """Return a name in Unicode normal form C."""
    return unicodedata.normalize("NFC", name)


def fold(name: str) -> str:
    """Return a case-folded name in Unicode normal form C, for comparison."""
    return form(form(name).casefold())
