# SPDX-License-Identifier: Apache-2.0
"""Matching of masks to images by file name, for many naming conventions."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rankseg.datasets.base import hint
from rankseg.imageio.listing import ENDINGS, TIFF, walk_files, walk_images
from rankseg.projects.messages import list_names
from rankseg.utils.found_names import fold, form

_WORDS = r"(?:cp_)?masks?|gt|labels?|labelids|seg|segmentation|annotations?|ground_?truth"
_AFTER = re.compile(rf"(?<=.)[_\-. ]({_WORDS}|l)$", re.IGNORECASE)
_BEFORE = re.compile(rf"^({_WORDS}|l)[_\-. ](?=.)", re.IGNORECASE)
_NUMBERED = re.compile(rf"^(.+)[_\-. ]({_WORDS})([_\-. ]?(?:\d+|\(\d+\)))$", re.IGNORECASE)
_OF_IMAGES = re.compile(r"(?<=.)[_\-. ](images?|img|raw|rgb)$|^(image|img|raw)[_\-. ](?=.)", re.I)
_FOLDER = "/"
_SPELLINGS = (str, form, fold)
"""Ways to compare names, in order: exact, in one Unicode form, case-insensitive."""

TEXT = (".txt", ".json", ".xml", ".csv", ".md", ".html", ".log", ".ini", ".db", ".py", ".yaml")
TEXT += (".yml", ".cfg", ".toml", ".zip", ".lnk", ".url", ".pdf", ".ipynb", ".xmp", ".xcf", ".tsv")
"""Endings of files that are clearly not images."""

MAX_ENDINGS = 12  # listed in a message


@dataclass(frozen=True)
class Pairs:
    """Images with their masks.

    Attributes:
        entries: Images, sorted, each with its masks; most have one mask or none.
        unmatched: Masks without an image.
        ignored: Files skipped among the images because they are named like masks of other images.
        respelled: Masks whose name differs from the name of their image in case or Unicode form.
    """

    entries: tuple[tuple[Path, tuple[Path, ...]], ...]
    unmatched: tuple[Path, ...]
    ignored: tuple[Path, ...] = ()
    respelled: tuple[Path, ...] = ()


class _NameReading(NamedTuple):
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
    ignored: list[Path] = []
    if os.path.samefile(images, masks):
        pictures, labels = split_masks(pictures, images, all_words=True)
        if not labels:
            raise ValueError(
                f"Expected folder {images}, given for both images and masks, to hold names such as "
                "a.png and a_mask.png, but no file is named like a mask. Rename the masks, or move "
                f"them to another folder{_inner_hint(images)}."
            )
    else:
        labels = _outside(labels, images, masks)
        pictures = _outside(pictures, masks, images)
        pictures, ignored = split_masks(pictures, images)
    _check_forms(pictures, images)
    _check_forms(labels, masks)
    index = _Index(pictures, images)
    found: dict[Path, list[tuple[_NameReading, Path]]] = {}
    unmatched, respelled = [], []
    for mask in labels:
        owner = index.owner(mask, masks)
        if owner is None:
            unmatched.append(mask)
            continue
        image, reading, exact = owner
        found.setdefault(image, []).append((reading, mask))
        if not exact:
            respelled.append(mask)
    if not found:
        skipped = describe_skipped(masks)
        raise ValueError(
            f"Expected images in {images} and masks in {masks} with matching names, such as a.jpg "
            "with a.png or a_mask.png, but no mask has the name of an image: got images "
            f"{_names(pictures)} and masks {_names(labels)}. Rename the masks"
            f"{_inner_hint(images)}.{f' Skipped masks: {skipped}.' if skipped else ''}"
        )
    for image, some in found.items():
        _check_joined(image, some)
    _check_not_classes(found)
    entries = tuple((image, tuple(mask for _, mask in found.get(image, ()))) for image in pictures)
    return Pairs(entries, tuple(unmatched), tuple(ignored), tuple(respelled))


def _outside(files: Sequence[Path], inner: Path, outer: Path) -> list[Path]:
    """Return the files of ``outer`` that are not in ``inner``, which may be a subfolder of it."""
    if not inner.resolve().is_relative_to(outer.resolve()):
        return list(files)
    inside = inner.resolve()
    return [path for path in files if not path.resolve().is_relative_to(inside)]


def list_images(folder: Path, what: str) -> list[Path]:
    """List files with image endings in a folder and its subfolders, sorted, without hidden files.

    Raises:
        FileNotFoundError: If the folder does not exist or contains no image.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        known = hint(folder.parent) or hint(folder)
        more = f" Images with classes need no masks: {known}" if known else ""
        raise FileNotFoundError(
            f"Expected {folder} to be a folder of {what}, but it {found}.{more}"
        )
    found = sorted(walk_images(folder))
    if not found:
        skipped = describe_skipped(folder, text=True)
        raise FileNotFoundError(
            f"Expected folder {folder} to hold {what}, files that end in {', '.join(ENDINGS)}, but "
            f"got {skipped or 'no files'}. Name another folder, or save the {what} as PNG."
        )
    return found


def _inner_hint(images: Path) -> str:
    """Return a hint if a folder has a subfolder of images, else an empty string."""
    names = ("images", "imgs", "img", "JPEGImages")
    inner = next((images / name for name in names if (images / name).is_dir()), None)
    return f", or set --images {inner}" if inner else ""


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
    stems = {_key(path, root, image_stem(path)) for path in files}
    loose = {_key(path, root, _bare_image(image_stem(path))) for path in files}
    owners: dict[Path, set[str]] = {}
    for path in files:
        own = {_key(path, root, image_stem(path)), _key(path, root, _bare_image(image_stem(path)))}
        some = {_key(path, root, one.stem) for one in _readings(image_stem(path)) if one.word}
        owners[path] = (some & (stems | loose)) - own
    wanted = {key for some in owners.values() for key in some}
    numbered = {
        _family(image_stem(path)) for path in files if _key(path, root, image_stem(path)) in wanted
    }
    masks = set()
    for path in files:
        named = _bare(image_stem(path)) != image_stem(path) or _family(image_stem(path)) not in {
            None,
            *numbered,
        }
        if owners[path] or (
            all_words and named and _key(path, root, image_stem(path)) not in wanted
        ):
            masks.add(path)
    return [path for path in files if path not in masks], [path for path in files if path in masks]


def image_stem(path: Path) -> str:
    """Return a file name without its ending; ``.ome.tif`` is one ending.

    >>> image_stem(Path("a.ome.tif")), image_stem(Path("a.b.png"))
    ('a', 'a.b')
    """
    return (
        re.sub(r"\.ome$", "", path.stem, flags=re.I) if path.suffix.lower() in TIFF else path.stem
    )


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


def _readings(stem: str) -> Iterator[_NameReading]:
    """Yield interpretations of a name, the most likely first."""
    yield _NameReading(stem)
    if _bare(stem) != stem:
        found = _AFTER.search(stem) or _BEFORE.search(stem)
        yield _NameReading(_bare(stem), found[1].lower() if found else "")
    numbered = _NUMBERED.match(stem)
    if numbered:
        name, word, number = numbered.groups()
        yield _NameReading(_BEFORE.sub("", name), word.lower(), number)
        yield _NameReading(f"{name}{number}", word.lower())


class _Index:
    """Index of images by the possible names of their masks."""

    def __init__(self, images: Sequence[Path], root: Path) -> None:
        self._found: dict[tuple[int, int, str], list[Path]] = {}
        for path in images:
            place = path.relative_to(root)
            for i, shorten in enumerate((str, _bare_image)):
                for j, spell in enumerate(_SPELLINGS):
                    key = (i, j, spell(place.with_name(shorten(image_stem(path))).as_posix()))
                    self._found.setdefault(key, []).append(path)

    def owner(self, mask: Path, root: Path) -> tuple[Path, _NameReading, bool] | None:
        """Return the image of a mask, the interpretation, and whether it is exact; or None."""
        place = mask.relative_to(root)
        whole, *others = ((place.with_name(one.stem), one) for one in _readings(image_stem(mask)))
        numbered = [one for one in others if _NUMBERED.match(image_stem(mask))]
        plain = [whole, *(one for one in others if one not in numbered)]
        folder = []
        if place.parent.name:
            some = (
                _NameReading(one.stem, _FOLDER, mask.name) for one in _readings(place.parent.name)
            )
            folder = [(place.parent.with_name(one.stem), one) for one in some]
        for options, both in ((plain, False), (numbered, True), (folder, False)):
            hits = self._hits(mask, options, both)
            if hits:
                return hits
        return None

    def _hits(
        self, mask: Path, options: Sequence[tuple[Path, _NameReading]], both: bool
    ) -> tuple[Path, _NameReading, bool] | None:
        """Return the closest match; with ``both``, interpretations must agree on the image."""
        for i in range(2):
            for j, spell in enumerate(_SPELLINGS):
                hits: dict[Path, _NameReading] = {}
                for place, reading in options:
                    owners = self._found.get((i, j, spell(place.as_posix())), [])
                    for one in owners:
                        hits.setdefault(one, reading)
                    if hits and not both:
                        break
                if len(hits) > 1:
                    first, second = list(hits)[:2]
                    raise ValueError(
                        f"Expected {mask} to match one image, but it matches {first} and {second}. "
                        "Remove or rename one of them."
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
                    f"Expected file names that look different, but {ascii(str(other))} and "
                    f"{ascii(str(path))} differ only in their Unicode form. Remove or rename one "
                    "of them."
                )


def _check_joined(image: Path, some: Sequence[tuple[_NameReading, Path]]) -> None:
    """Check that several masks of an image are numbered; other names may have another meaning."""
    known: dict[tuple[str, str], Path] = {}
    first = some[0]
    for reading, mask in some:
        other = known.setdefault((reading.word, fold(reading.number)), mask)
        if reading.word != first[0].word:
            other = first[1]
        if other is not mask:
            raise ValueError(
                f"Expected one mask or numbered masks for {image}, but got {other} and {mask}. "
                "Remove one of them, or number them: a_mask_1.png, a_mask_2.png."
            )


def _check_not_classes(found: dict[Path, list[tuple[_NameReading, Path]]]) -> None:
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
            f"files named {list_names(again)}, which seem to be classes. Save one mask per image, "
            "with one value per class."
        )


def _names(paths: Sequence[Path]) -> str:
    return list_names([path.name for path in paths])


def describe_skipped(folder: Path, text: bool = False) -> str:
    """Count files that are neither readable images nor text, such as ``3 .heic, 1 .dcm``.

    Args:
        folder: Folder, searched with its subfolders.
        text: Count text files, too.

    Returns:
        The counts by ending; empty if there are no such files.
    """
    known = ENDINGS if text else (*ENDINGS, *TEXT)
    endings = (path.suffix.lower() or "without an ending" for path in walk_files(folder))
    counts = Counter(ending for ending in endings if ending not in known)
    order = sorted(counts, key=lambda ending: (-counts[ending], ending))
    parts = [f"{counts[ending]} {ending}" for ending in order[:MAX_ENDINGS]]
    if others := sum(counts[ending] for ending in order[MAX_ENDINGS:]):
        parts.append(f"{others} others")
    return ", ".join(parts)
