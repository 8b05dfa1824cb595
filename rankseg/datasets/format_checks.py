# SPDX-License-Identifier: Apache-2.0
"""Checks that a pipeline states how to read deep images and images of many bands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rankseg.datasets.file_checks import Files, FileValidator, Found
from rankseg.datasets.transforms.loading import ImageLoader
from rankseg.errors import FileError
from rankseg.imageio.bands import describe_bands
from rankseg.imageio.intensity import FULL, percentile_range, value_counts
from rankseg.imageio.reading import ImageInfo, decode_image
from rankseg.utils.progress import track

if TYPE_CHECKING:  # the data sets call the checks
    from rankseg.datasets.base import ListDataset

MEASURED = 200  # number of deep images used to propose a range


def loader_of(dataset: "ListDataset") -> ImageLoader | None:
    """Return the transform that loads the images of a data set, or None if it is not ours."""
    return next((one for one in dataset.pipeline.transforms if isinstance(one, ImageLoader)), None)


def check_same_reading(datasets: Sequence["ListDataset"]) -> None:
    """Check that training and validation images are read in the same way.

    Raises:
        ValueError: If value ranges or channels differ.
    """
    loaders = [loader for one in datasets if (loader := loader_of(one)) is not None]
    for key in ("value_range", "channels"):
        found = list(dict.fromkeys(getattr(loader, key) for loader in loaders))
        if len(found) > 1:
            raise ValueError(
                f"Expected {key} to be the same in all pipelines, but got {found[0]} and "
                f"{found[1]}. Set one in each LoadSample of the config."
            )


def check_bit_depth_and_bands(
    dataset: "ListDataset",
    files: Sequence[Files],
    found: Sequence[Found | None],
    validator: FileValidator,
) -> list[str]:
    """Check bit depth and bands of the images of a data set.

    Args:
        dataset: The data set.
        files: Paths of the checked items, the image first.
        found: For each image, a finding that starts with the fields of an :class:`ImageInfo`, or
            None for a bad file.
        validator: Collects deep images for which the pipeline has no range in ``deep``.

    Returns:
        Lines on unused bands.

    Raises:
        FileError: If an image lacks a band that the pipeline selects.
    """
    loader = loader_of(dataset)
    if loader is None:
        return []
    size = len(ImageInfo._fields)
    checked = zip(files, found, strict=True)
    pairs = [(names[0], ImageInfo(*one[:size])) for names, one in checked if one]
    needed = max(loader.channels or (1,))
    few = [(path, info) for path, info in pairs if info.bands < needed]
    if few:
        raise FileError(
            f"Expected every image to have band {needed}, as channels={loader.channels} says, but "
            f"got {few[0][1].bands} in {len(few)} of {len(pairs)} images, such as {few[0][0]}. "
            "Choose other channels, or remove these images from the lists."
        )
    formats = [(info.bands, bool(info.alpha)) for _, info in pairs]
    option = "channels of LoadSample"
    if loader.value_range is None:
        validator.deep += [path for path, info in pairs if info.deep]
    lines = describe_bands(formats, loader.channels, option)
    return [f"{dataset.source}: {line}" for line in lines]


def check_value_range(paths: Sequence[str]) -> None:
    """Reject images of more than 8 bits that have no value range.

    Raises:
        ValueError: If there are any; names the range of their values.
    """
    if not paths:
        return
    some = paths[:: -(-len(paths) // MEASURED)]
    counts = value_counts(
        decode_image(path) for path in track(some, "measuring values of deep images")
    )
    try:
        proposed = f"value_range={percentile_range(counts)}"
    except ValueError:
        proposed = "value_range=(BLACK, WHITE)"
    raise ValueError(
        f"Expected value_range in the LoadSample of all pipelines, as {len(paths)} images have "
        f"more than 8 bits ({paths[0]}), but got none. Set {proposed}, which is the range of "
        f"{len(some)} of them, or {FULL} for the high byte of 16 bits."
    )
