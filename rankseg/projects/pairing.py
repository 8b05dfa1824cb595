# SPDX-License-Identifier: Apache-2.0
"""Matching of masks to images by name, for many naming conventions."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rankseg.datasets.layouts import hint
from rankseg.imageio.listing import ENDINGS, walk_files, walk_images
from rankseg.utils.found_names import fold, form

_WORDS = r"(?:cp_)?masks?|gt|labels?|labelids|seg|segmentation|annotations?|ground_?truth"
_AFTER = re.compile(rf"(?<=.)[_\-. ]({_WORDS}|l)$", re.IGNORECASE)
_BEFORE = re.compile(rf"^({_WORDS}|l)[_\-. ](?=.)", re.IGNORECASE)
_NUMBERED = re.compile(rf"^(.+)[_\-. ]({_WORDS})([_\-. ]?(?:\d+|\(\d+\)))$", re.IGNORECASE)
_OF_IMAGES = re.compile(r"(?<=.)[_\-. ](images?|img|raw|rgb)$|^(image|img|raw)[_\-. ](?=.)", re.I)
_FOLDER = "/"
_SPELLINGS = (str, form, fold)
"""Ways to compare names, in order: exact, in one Unicode form, case-insensitive."""


@dataclass(frozen=True)
class Pairs:
    """Images with their masks.

    Attributes:
        entries: Images, sorted, each with its masks; most have one mask or none.
        alone: Masks without an image.
        aside: Files skipped among the images because they are named like masks of other images.
        respelled: Masks whose name differs from the name of their image in case or Unicode form.
    """

    entries: tuple[tuple[Path, tuple[Path, ...]], ...]
    alone: tuple[Path, ...]
    aside: tuple[Path, ...] = ()
    respelled: tuple[Path, ...] = ()


class _Reading(NamedTuple):
    """Interpretation of the name of a mask."""

    stem: str  # name of the image
    word: str = ""  # word that marks a mask
    number: str = ""  # number among several masks of one image


def find_pairs(images: Path, masks: Path) -> Pairs:
    """Match the files of two folders, which may be the same or nested.

    ``a.jpg`` matches ``a.png``, ``a_mask.png``, ``a-gt.tif`` and ``mask_a.png``; ``a_image.png``
    matches ``a_mask.png``. One image may have several masks: ``a_mask.png`` and ``a_mask_1.png``,
    or the files of a folder ``a``. Files in subfolders match if the subfolders have the same name.
    Names may differ in case or Unicode form if no other name matches.

    Raises:
        FileNotFoundError: If a folder is missing, or contains no image.
        ValueError: If the match is ambiguous, or no mask has an image.
    """
    pictures, labels = list_images(images, "images"), list_images(masks, "masks")
    aside: list[Path] = []
    if os.path.samefile(images, masks):
        pictures, labels = split_masks(pictures, images, all_words=True)
        if not labels:
            raise ValueError(
                f"folder {images} is named for images and for masks, and no file in it is called "
                "a mask: expected names such as a.png with a_mask.png; or put masks into a folder "
                f"of their own{_inner(images)}"
            )
    else:
        labels = _outside(labels, images, masks)
        pictures = _outside(pictures, masks, images)
        pictures, aside = split_masks(pictures, images)
    _check_forms(pictures, images)
    _check_forms(labels, masks)
    index = _Index(pictures, images)
    found: dict[Path, list[tuple[_Reading, Path]]] = {}
    alone, respelled = [], []
    for mask in labels:
        owner = index.owner(mask, masks)
        if owner is None:
            alone.append(mask)
            continue
        image, reading, exact = owner
        found.setdefault(image, []).append((reading, mask))
        if not exact:
            respelled.append(mask)
    if not found:
        raise ValueError(
            f"no mask in {masks} has the name of an image in {images}: found "
            f"{_names(pictures)} and {_names(labels)}; expected pairs such as a.jpg with a.png or "
            f"a_mask.png{_inner(images)}{describe_skipped(masks, '; skipped in it: ')}"
        )
    for image, some in found.items():
        _check_joined(image, some)
    _check_not_classes(found)
    entries = tuple((image, tuple(mask for _, mask in found.get(image, ()))) for image in pictures)
    return Pairs(entries, tuple(alone), tuple(aside), tuple(respelled))


def _outside(files: Sequence[Path], inner: Path, outer: Path) -> list[Path]:
    """Return the files of ``outer`` that are not in ``inner``, which may be a subfolder of it."""
    if not inner.resolve().is_relative_to(outer.resolve()):
        return list(files)
    inside = inner.resolve()
    return [path for path in files if not path.resolve().is_relative_to(inside)]


def _published(folder: Path) -> str:
    """Return a hint if a folder is part of a data set of classified images, else an empty text."""
    known = hint(folder.parent) or hint(folder)
    return f"; images with classes need none: {known}" if known else ""


def list_images(folder: Path, what: str) -> list[Path]:
    """List files with image endings in a folder and its subfolders, sorted, without hidden files.

    Raises:
        FileNotFoundError: If the folder does not exist or contains no image.
    """
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"folder {folder} of {what} {kind}: expected a folder of {what}{_published(folder)}"
        )
    found = sorted(walk_images(folder))
    if not found:
        raise FileNotFoundError(
            f"folder {folder} holds no {what}: expected files that end in {', '.join(ENDINGS)}"
            f"{describe_skipped(folder, '; it holds ', text=True)}"
        )
    return found


def _inner(images: Path) -> str:
    """Return a hint if a folder has a subfolder of images, else an empty string."""
    names = ("images", "imgs", "img", "JPEGImages")
    inner = next((images / name for name in names if (images / name).is_dir()), None)
    return f"; perhaps --images {inner} is meant" if inner else ""


def split_masks(
    files: Sequence[Path], root: Path, all_words: bool = False
) -> tuple[list[Path], list[Path]]:
    """Separate images and masks that share a folder.

    Args:
        files: Files below ``root``.
        root: The folder.
        all_words: Treat every name with a word for masks as a mask, even without a matching image.

    Returns:
        Images and masks.
    """
    stems = {_key(path, root, path.stem) for path in files}
    loose = {_key(path, root, _bare_image(path.stem)) for path in files}
    owners: dict[Path, set[str]] = {}
    for path in files:
        own = {_key(path, root, path.stem), _key(path, root, _bare_image(path.stem))}
        some = {_key(path, root, one.stem) for one in _readings(path.stem) if one.word}
        owners[path] = (some & (stems | loose)) - own
    wanted = {key for some in owners.values() for key in some}
    numbered = {_family(path.stem) for path in files if _key(path, root, path.stem) in wanted}
    masks = set()
    for path in files:
        named = _bare(path.stem) != path.stem or _family(path.stem) not in {None, *numbered}
        if owners[path] or (all_words and named and _key(path, root, path.stem) not in wanted):
            masks.add(path)
    return [path for path in files if path not in masks], [path for path in files if path in masks]


def _family(stem: str) -> str | None:
    """Strip the number from a name that ends in a word for masks and a number; else return None."""
    found = _NUMBERED.match(stem)
    return fold(f"{found[1]} {found[2]}") if found else None


def _key(path: Path, root: Path, stem: str) -> str:
    return fold(path.relative_to(root).with_name(stem).as_posix())


def _bare(stem: str) -> str:
    """Strip the word for masks from a name."""
    return _BEFORE.sub("", _AFTER.sub("", stem))


def _bare_image(stem: str) -> str:
    return _OF_IMAGES.sub("", stem)


def _readings(stem: str) -> Iterator[_Reading]:
    """Yield interpretations of a name, the most likely first."""
    yield _Reading(stem)
    if _bare(stem) != stem:
        found = _AFTER.search(stem) or _BEFORE.search(stem)
        yield _Reading(_bare(stem), found[1].lower() if found else "")
    numbered = _NUMBERED.match(stem)
    if numbered:
        name, word, number = numbered.groups()
        yield _Reading(_BEFORE.sub("", name), word.lower(), number)
        yield _Reading(f"{name}{number}", word.lower())


class _Index:
    """Index of images by the possible names of their masks."""

    def __init__(self, images: Sequence[Path], root: Path) -> None:
        self._found: dict[tuple[int, int, str], list[Path]] = {}
        for path in images:
            place = path.relative_to(root)
            for i, shorten in enumerate((str, _bare_image)):
                for j, spell in enumerate(_SPELLINGS):
                    key = (i, j, spell(place.with_name(shorten(path.stem)).as_posix()))
                    self._found.setdefault(key, []).append(path)

    def owner(self, mask: Path, root: Path) -> tuple[Path, _Reading, bool] | None:
        """Return the image of a mask, the interpretation, and whether it is exact; or None."""
        place = mask.relative_to(root)
        whole, *others = ((place.with_name(one.stem), one) for one in _readings(mask.stem))
        numbered = [one for one in others if _NUMBERED.match(mask.stem)]
        plain = [whole, *(one for one in others if one not in numbered)]
        folder = []
        if place.parent.name:
            some = (_Reading(one.stem, _FOLDER, mask.name) for one in _readings(place.parent.name))
            folder = [(place.parent.with_name(one.stem), one) for one in some]
        for options, both in ((plain, False), (numbered, True), (folder, False)):
            hits = self._hits(mask, options, both)
            if hits:
                return hits
        return None

    def _hits(
        self, mask: Path, options: Sequence[tuple[Path, _Reading]], both: bool
    ) -> tuple[Path, _Reading, bool] | None:
        """Return the closest match; with ``both``, interpretations must agree on the image."""
        for i in range(2):
            for j, spell in enumerate(_SPELLINGS):
                hits: dict[Path, _Reading] = {}
                for place, reading in options:
                    owners = self._found.get((i, j, spell(place.as_posix())), [])
                    for one in owners:
                        hits.setdefault(one, reading)
                    if hits and not both:
                        break
                if len(hits) > 1:
                    first, second = list(hits)[:2]
                    raise ValueError(
                        f"{mask} belongs to {first} and to {second}: keep one of the two, or "
                        "give them different names"
                    )
                for image, reading in hits.items():
                    return image, reading, j == 0
        return None


def _check_forms(files: Sequence[Path], root: Path) -> None:
    """Check that no two file names differ only in their Unicode form."""
    known: dict[str, Path] = {}
    for path in files:
        place = path.relative_to(root).with_suffix("").as_posix()
        other = known.setdefault(form(place), path)
        if form(place) != place or other is not path:
            theirs = other.relative_to(root).with_suffix("").as_posix()
            if theirs != place:
                raise ValueError(
                    f"Expected names that differ to the eye, but {ascii(str(other))} and "
                    f"{ascii(str(path))} differ only in their Unicode form. Keep one of the two, "
                    "or rename it."
                )


def _check_joined(image: Path, some: Sequence[tuple[_Reading, Path]]) -> None:
    """Check that several masks of an image are numbered; other names may have another meaning."""
    known: dict[tuple[str, str], Path] = {}
    first = some[0]
    for reading, mask in some:
        other = known.setdefault((reading.word, fold(reading.number)), mask)
        if reading.word != first[0].word:
            other = first[1]
        if other is not mask:
            raise ValueError(f"{other} and {mask} both belong to {image}: keep one of them")


def _check_not_classes(found: dict[Path, list[tuple[_Reading, Path]]]) -> None:
    """Check that files to merge are not named by class: the result would be a single class."""
    names: Counter[str] = Counter()
    for some in found.values():
        if len(some) > 1:
            files = (Path(reading.number).stem for reading, _ in some if reading.word == _FOLDER)
            names.update({re.sub(r"[\d\W_]+", "", name).lower() for name in files})
    again = sorted(name for name, count in names.items() if name and count > 1)
    if len(again) > 1:
        raise ValueError(
            f"Expected the masks of one image to be numbered objects, but several images have "
            f"files called {_list(again)}, which seem to be classes. Save one mask for an image, "
            "with another value for every class."
        )


def _list(words: Sequence[str]) -> str:
    return f"{', '.join(words[:3])}{', ...' if len(words) > 3 else ''}"


def _names(paths: Sequence[Path]) -> str:
    return _list([path.name for path in paths[:4]])


TEXT = (".txt", ".json", ".xml", ".csv", ".md", ".html", ".log", ".ini", ".db", ".py", ".yaml")
TEXT += (".yml", ".cfg", ".toml", ".zip", ".lnk", ".url", ".pdf", ".ipynb", ".xmp", ".xcf", ".tsv")
"""Endings of files that are clearly not images."""

FEW = 12  # endings listed in a note


def describe_skipped(folder: Path, start: str, text: bool = False) -> str:
    """Describe files that are neither readable images nor text, such as ``3 .heic, 1 .dcm``.

    Args:
        folder: Folder, searched with its subfolders.
        start: Text put in front.
        text: Count text files, too.

    Returns:
        The text; empty if there are no such files.
    """
    endings = (path.suffix.lower() or "without an ending" for path in walk_files(folder))
    others = ENDINGS if text else (*ENDINGS, *TEXT)
    counts = Counter(one for one in endings if one not in others)
    order = sorted(counts, key=lambda ending: (-counts[ending], ending))
    shown = [f"{counts[ending]} {ending}" for ending in order[:FEW]]
    more = [f"{sum(counts[ending] for ending in order[FEW:])} others"] if order[FEW:] else []
    return start + ", ".join([*shown, *more]) if counts else ""
