# SPDX-License-Identifier: Apache-2.0
"""Collate function that groups samples by view."""

from collections.abc import Sequence

from mmengine.registry import FUNCTIONS
from torch.utils.data import default_collate


@FUNCTIONS.register_module()
def collate_views(batch: Sequence[dict]) -> dict[str, dict]:
    """Group samples by view and stack each view into one tensor.

    Labeled and unlabeled samples have different views. A view contains the images of the samples
    that have it, in sample order. The function is registered in mmengine's own registry, because
    its runner looks for collate functions only there.

    Args:
        batch: Samples of ``PackViews``: ``inputs`` and ``data_samples`` by view, images
            ``(3, h, w)`` uint8.

    Returns:
        ``inputs``: ``{view: (B, 3, h, w) uint8}``, in channels-last memory format like the images;
        ``data_samples``: ``{view: [SegDataSample, ...]}``.

    Raises:
        ValueError: If the images of one view differ in size.
    """
    inputs: dict[str, list] = {}
    samples: dict[str, list] = {}
    for item in batch:
        for view, image in item["inputs"].items():
            inputs.setdefault(view, []).append(image)
        for view, sample in item["data_samples"].items():
            samples.setdefault(view, []).append(sample)
    for view, images in inputs.items():
        sizes = sorted({tuple(image.shape[-2:]) for image in images})
        if len(sizes) > 1:
            raise ValueError(
                f"Expected the images of view '{view}' in a batch to have one size, but got "
                f"{sizes}. Use the same crop_size in all pipelines that make this view or, for "
                "DrawViews, recipes that end in a crop of the same size."
            )
    # In a worker, default_collate writes directly into shared memory.
    stacked = {
        view: default_collate([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)
        for view, images in inputs.items()
    }
    return {"inputs": stacked, "data_samples": samples}
