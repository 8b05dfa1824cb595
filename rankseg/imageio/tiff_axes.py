# SPDX-License-Identifier: Apache-2.0
"""Selection of the planes of a TIFF file that are slices, by the axes in its metadata."""

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np
from tifffile import TiffFile, TiffPageSeries

from rankseg.errors import FileError

ALL = "all"
UNNAMED = "IQU"
"""Codes of tifffile for axes without a name in the metadata."""

_PLAIN = ("generic", "uniform", "shaped")  # kinds of series that tifffile guesses from the pages
_WORDS = {"C": "channel", "Z": "slice", "T": "frame"}
_SHOWN = 6  # maximum number of series that a message lists

Choice = int | str | None


class PlanesError(FileError):
    """Error for an ambiguous choice of planes, or for selected planes that do not exist."""


class Planes(NamedTuple):
    """Selection of planes in a file with several channels, frames or series.

    Numbers count from 1, as in ImageJ.

    Attributes:
        channel: Channel to read, or ``"all"``: every channel is a slice.
        frame: Time frame to read if there are several slices and frames, or ``"all"``: the slices
            of all frames in sequence.
        series: Series to read, such as a position of the stage.
        usual_channel: Channel to read if there are several and ``channel`` is not given.
        masks: Whether the file holds masks. If so, channels are slices if there is no other axis,
            and ``frame`` is ignored if there is no such choice.
        image: Whether the file is expected to hold a single image, whose channels are bands.
    """

    channel: Choice = None
    frame: Choice = None
    series: int | None = None
    usual_channel: int | None = None
    masks: bool = False
    image: bool = False

    @property
    def option(self) -> str:
        """Command-line option that sets ``channel``."""
        return "--mask-channel" if self.masks else "--channel"


ONLY = Planes()
"""Default selection for files with one channel, frame and series."""


class Slices(NamedTuple):
    """Planes that are slices.

    Attributes:
        places: Positions of the planes in their series, in slice order; ``None`` for all pages of
            the file.
        axes: Codes of the axes that the slices run along, out of T, Z and C, the last one fastest;
            empty for one slice and for pages without named axes.
        lengths: Number of slices along each of ``axes``.
        series: Position of the series in the file.
        channel: Number of the selected channel; ``None`` if there was only one choice.
        chosen: Description of the selection, such as ``"channel 2 of 3"``.
    """

    places: tuple[int, ...] | None = None
    axes: str = ""
    lengths: tuple[int, ...] = ()
    series: int = 0
    channel: int | None = None
    chosen: tuple[str, ...] = ()


def parse_choice(text: str) -> int | str:
    """Parse a number or ``all`` from the command line.

    Raises:
        ValueError: If the text is neither.

    >>> parse_choice("2"), parse_choice("all")
    (2, 'all')
    """
    return ALL if text == ALL else int(text)


def find_slices(file: TiffFile, planes: Planes, name: str) -> Slices:
    """Find the planes that are slices.

    Slices run along Z, or along T if there is only one Z. ImageJ, OME and other metadata name the
    axes; without metadata, all pages of the file are slices.

    Args:
        file: The open file.
        planes: Selection for choices that the metadata leave open.
        name: Kind and path of the file, for messages.

    Raises:
        PlanesError: If ``planes`` leaves a choice open, makes a choice that the file does not have,
            or selects planes that are not in the file.
    """
    several = file.series
    if _is_plain(several):
        if file.is_imagej or file.is_ome:  # tifffile could not parse their metadata
            raise PlanesError(
                f"Expected {name} to match its {'OME' if file.is_ome else 'ImageJ'} metadata, but "
                f"its {len(file.pages)} pages do not. It may be truncated: copy it again, or save "
                "it again (ImageJ: File > Save As > Tiff)."
            )
        _check_plain(several, planes, name)
        return Slices()
    number = _choose_series(several, planes, name)
    series = several[number]
    lengths = _leading_axes(series, name)
    grid = np.arange(prod(lengths.values())).reshape(tuple(lengths.values()))
    axes = "".join(axis for axis, length in lengths.items() if length > 1)
    grid = grid.reshape([lengths[axis] for axis in axes])
    whole = dict(zip(axes, grid.shape, strict=True))
    picks, chosen = {}, []
    for axis, pick in (
        ("C", _choose_channel(whole, series, planes, name)),
        ("T", _choose_frame(whole, series, planes, name)),
    ):
        if pick is not None:
            picks[axis] = pick - 1
            chosen.append(f"{_WORDS[axis]} {pick} of {whole[axis]}")
    kept = [axis for axis in axes if axis not in picks]
    unknown = [axis for axis in kept if axis not in "TZC"]
    if len(unknown) > 1 or (unknown and set(kept) & set("TZ")):
        raise PlanesError(
            f"Expected {name} to have slices along one axis, but got {_describe(whole, series)}. "
            "Save the slices of one position as a separate file."
        )
    grid = grid[tuple(picks.get(axis, slice(None)) for axis in axes)]
    order = sorted(range(len(kept)), key=lambda i: ("TZ".find(kept[i]) % 3, kept[i]))
    places = grid.transpose(order).ravel().tolist()
    if len(several) > 1:
        chosen.append(f"series {number + 1} of {len(several)}")
    names = "".join(kept[i] if kept[i] in _WORDS else "Z" for i in order)
    sizes = tuple(whole[kept[i]] for i in order)
    channel = picks["C"] + 1 if "C" in picks else None
    return Slices(tuple(places), names, sizes, number, channel, tuple(chosen))


def _is_plain(several: list[TiffPageSeries]) -> bool:
    """Return whether no metadata name the axes of the pages."""
    return all(
        one.kind in _PLAIN and all(axis in f"{UNNAMED}YXS" for axis in one.axes) for one in several
    )


def _check_plain(several: list[TiffPageSeries], planes: Planes, name: str) -> None:
    for one in several:
        grid = [n for n, axis in zip(one.shape, one.axes, strict=True) if axis in UNNAMED and n > 1]
        if len(grid) > 1:
            raise PlanesError(
                f"Expected {name} to have pages along one axis, but got a grid of "
                f"{'x'.join(map(str, grid))} pages without names of axes (axes {one.axes}). Name "
                "them: in ImageJ by Image > Hyperstacks > Stack to Hyperstack, in tifffile by "
                "imwrite(..., metadata={'axes': 'ZCYX'})."
            )
    if planes.channel not in (None, 1, ALL):
        raise PlanesError(
            f"Expected {name} to have named channels for {planes.option} {planes.channel}, but got "
            f"pages without metadata of axes. Leave {planes.option} out, or save the file as a "
            "hyperstack (ImageJ: Image > Hyperstacks > Stack to Hyperstack)."
        )
    if planes.series not in (None, 1) and not planes.masks:
        raise PlanesError(
            f"Expected {name} to have {planes.series} series for --series {planes.series}, but got "
            "one. Leave --series out."
        )


def _choose_series(several: list[TiffPageSeries], planes: Planes, name: str) -> int:
    count = len(several)
    if planes.series is None:
        if count == 1:
            return 0
        listed = [
            f"{i}: {_describe(_sizes(one), one)}{f' ({one.name})' if one.name else ''}"
            for i, one in enumerate(several[:_SHOWN], start=1)
        ]
        raise PlanesError(
            f"Expected {name} to have one series of slices, but got {count}: {'; '.join(listed)}"
            f"{'; ...' if count > _SHOWN else ''}. Choose one with --series N (1 to {count})."
        )
    if count == 1 and planes.masks:
        return 0
    if not 1 <= planes.series <= count:
        raise PlanesError(
            f"Expected --series to be from 1 to {count} for {name}, but got {planes.series}. "
            "Choose another, or leave it out."
        )
    return planes.series - 1


def _leading_axes(series: TiffPageSeries, name: str) -> dict[str, int]:
    """Return the lengths of the axes that order the planes of a series, if none is missing."""
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    lengths = {axis: n for axis, n in zip(axes, shape, strict=True) if axis not in "YXS"}
    count = prod(lengths.values())
    if series.is_multifile or (not series.is_truncated and any(page is None for page in series)):
        raise PlanesError(
            f"Expected all planes in {name}, but its metadata name planes of other files or "
            "missing planes. Save it as one file (Fiji: Plugins > Bio-Formats)."
        )
    if not series.is_truncated and len(series) != count:
        raise PlanesError(
            f"Expected one plane on each page of {name}, but got {len(series)} pages for "
            f"{count} planes: {_describe(_sizes(series), series)}. Save it as a hyperstack "
            "(ImageJ: File > Save As > Tiff)."
        )
    return lengths


def _choose_channel(
    whole: Mapping[str, int], series: TiffPageSeries, planes: Planes, name: str
) -> int | None:
    """Return the channel number to select; ``None`` if there is one, or all are slices."""
    count, wanted = whole.get("C", 1), planes.channel
    if count == 1:
        if wanted not in (None, 1, ALL):
            kind = "color (RGB) and" if "S" in series.axes else "one channel:"
            raise PlanesError(
                f"Expected {name} to have {wanted} channels for {planes.option} {wanted}, but got "
                f"{kind} {_describe(whole, series)}. Leave {planes.option} out."
            )
        return None
    if wanted is None:
        wanted = ALL if planes.masks and len(whole) == 1 else planes.usual_channel
    if wanted is None:
        cure = (
            f"Choose one with {planes.option} N (1 to {count}), or use every channel as a slice "
            f"with {planes.option} {ALL}."
        )
        if planes.image and len(whole) == 1:
            cure = (
                f"Choose one with channels=(N,), N from 1 to {count}, or three with channels=(R, "
                "G, B) in LoadSample of all pipelines (new_project.py: --channels N, predict.py: "
                "--channel N)."
            )
        raise PlanesError(
            f"Expected {name} to have one channel, but got {_describe(whole, series)}. {cure}"
        )
    if wanted != ALL and not 1 <= int(wanted) <= count:
        raise PlanesError(
            f"Expected {planes.option} to be from 1 to {count} for {name}, but got {wanted}: it "
            f"has {_describe(whole, series)}. Choose another channel."
        )
    return None if wanted == ALL else int(wanted)


def _choose_frame(
    whole: Mapping[str, int], series: TiffPageSeries, planes: Planes, name: str
) -> int | None:
    """Return the frame number to select; ``None`` if frames are slices, or there is only one."""
    count, wanted = whole.get("T", 1), planes.frame
    if count == 1 or "Z" not in whole:
        if wanted not in (None, ALL) and not planes.masks and (count > 1 or wanted != 1):
            found = _describe(whole, series)
            raise PlanesError(
                f"Expected {name} to have slices and frames for --frame {wanted}, but got {found}. "
                "Leave --frame out."
            )
        return None
    if wanted is None:
        raise PlanesError(
            f"Expected {name} to have slices or frames, but got {_describe(whole, series)}. Choose "
            f"a frame with --frame N (1 to {count}), or use the slices of all frames in sequence "
            f"with --frame {ALL}."
        )
    if wanted != ALL and not 1 <= int(wanted) <= count:
        raise PlanesError(
            f"Expected --frame to be from 1 to {count} for {name}, but got {wanted}: it has "
            f"{_describe(whole, series)}. Choose another frame."
        )
    return None if wanted == ALL else int(wanted)


def _sizes(series: TiffPageSeries) -> dict[str, int]:
    pairs = zip(series.axes, series.shape, strict=True)
    return {axis: n for axis, n in pairs if axis not in "YXS" and n > 1}


def _describe(lengths: Mapping[str, int], series: TiffPageSeries) -> str:
    """Describe a series: ``20 slices x 2 channels of 128x128 pixels (axes ZCYX)``."""
    words = []
    for axis in sorted(lengths, key=lambda axis: "TZC".find(axis) % 4):
        count, word = lengths[axis], _WORDS.get(axis)
        words.append(f"{count} {word}s" if word else f"{count} planes along {axis}")
    size = dict(zip(series.axes, series.shape, strict=True))
    found = " x ".join(words) or "one plane"
    return f"{found} of {size.get('X', 1)}x{size.get('Y', 1)} pixels (axes {series.axes})"
