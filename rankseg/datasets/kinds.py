# SPDX-License-Identifier: Apache-2.0
"""Check that a data set's pipeline says what becomes of deep images and of many bands."""

from collections.abc import Sequence

from rankseg.datasets.base import ListDataset
from rankseg.datasets.file_checks import Found, told
from rankseg.datasets.transforms.image_level import LoadImage
from rankseg.datasets.transforms.loading import LoadSample
from rankseg.errors import FileError
from rankseg.imageio.bands import describe_bands
from rankseg.imageio.intensity import FULL, percentile_range, value_counts
from rankseg.imageio.reading import ImageInfo, decode_image

MEASURED = 200  # deep images by which a range is proposed


def loader_of(dataset: ListDataset) -> LoadSample | LoadImage | None:
    """The transform that reads the images of a data set; None if it is not one of ours."""
    steps = getattr(dataset.pipeline, "transforms", ())
    return next((one for one in steps if isinstance(one, LoadSample | LoadImage)), None)


def check_same_reading(datasets: Sequence[ListDataset]) -> None:
    """Check that images of training and validation are read in one way.

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


def check_kinds(
    dataset: ListDataset, paths: Sequence[str], found: Sequence[Found | None]
) -> tuple[list[str], list[str]]:
    """Look at what the images of a data set are.

    Args:
        dataset: The data set.
        paths: Its images that were looked at.
        found: The numbers of an :class:`ImageInfo` first, for each; None for a bad file.

    Returns:
        Lines on bands that are not used, and deep images for which the pipeline has no range.

    Raises:
        FileError: If an image does not have a band that the pipeline chooses.
    """
    loader = loader_of(dataset)
    if loader is None:
        return [], []
    size = len(ImageInfo._fields)
    pairs = [(p, ImageInfo(*one[:size])) for p, one in zip(paths, found, strict=True) if one]
    needed = max(loader.channels or (1,))
    few = [(path, info) for path, info in pairs if info.bands < needed]
    if few:
        raise FileError(
            f"Expected every image to have band {needed}, as channels={loader.channels} says, but "
            f"got {few[0][1].bands} in {len(few)} of {len(pairs)} images, such as {few[0][0]}. "
            "Choose other channels, or take these images from the lists."
        )
    looks = [(info.bands, bool(info.alpha)) for _, info in pairs]
    option = "channels of LoadSample"
    lines = [f"{dataset.source}: {line}" for line in describe_bands(looks, loader.channels, option)]
    deep = [path for path, info in pairs if info.deep and loader.value_range is None]
    return lines, deep


def refuse_deep(paths: Sequence[str]) -> None:
    """Refuse images that hold more than 8 bits and come without a range.

    Raises:
        ValueError: If there are any, with the range of their values.
    """
    if not paths:
        return
    some = paths[:: -(-len(paths) // MEASURED)]
    counts = value_counts(decode_image(path) for path in told(some, "values of deep images"))
    try:
        proposed = f"value_range={percentile_range(counts)}"
    except ValueError:
        proposed = "value_range=(BLACK, WHITE)"
    raise ValueError(
        f"Expected value_range in the LoadSample of all pipelines, as {len(paths)} images hold "
        f"more than 8 bits ({paths[0]}), but got none. Set {proposed}, which is the range of "
        f"{len(some)} of them, or {FULL} for the high byte of 16 bits."
    )
