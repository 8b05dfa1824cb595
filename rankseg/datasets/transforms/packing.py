# SPDX-License-Identifier: Apache-2.0
"""Transforms that pack arrays into the tensors and data samples of a batch."""

from itertools import count, takewhile

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.registry import TRANSFORMS
from rankseg.structures import LABELED, TWIN, WEAK, mix, strong

META_KEYS = ("img_path", "ori_shape", "img_shape", "sample_idx", "role")
PAIR_KEYS = ("homography", "keypoints")  # set by PairViews


def views_of(results: dict) -> dict[str, np.ndarray]:
    """Return the weak view and all strong views of a sample by name."""
    views = {WEAK: results["img"]}
    for view in takewhile(results.__contains__, map(strong, count(1))):
        views[view] = results[view]
    return views


def to_chw(image: np.ndarray) -> torch.Tensor:
    """Return a ``(3, H, W)`` tensor of an ``(H, W, 3)`` array, sharing memory if it is writable."""
    return torch.from_numpy(np.require(image, requirements=["C", "W"])).permute(2, 0, 1)


def data_sample(results: dict, **maps: np.ndarray) -> SegDataSample:
    """Build a data sample from the metainfo of a sample and ``(H, W)`` maps, as ``(1, H, W)``."""
    sample = SegDataSample(metainfo={key: results[key] for key in META_KEYS if key in results})
    for name, array in maps.items():
        data = torch.from_numpy(np.require(array, requirements=["C", "W"]))[None]
        sample.set_data({name: PixelData(data=data)})
    return sample


def _truth(results: dict) -> dict[str, np.ndarray]:
    """Return the label map if there is one."""
    return {"gt_sem_seg": results["seg_map"]} if "seg_map" in results else {}


@TRANSFORMS.register_module()
class PackViews(BaseTransform):
    """Pack a training sample by view.

    Labeled: ``inputs["labeled"]`` is ``(3, h, w)`` uint8. ``data_samples["labeled"]`` contains
    ``gt_sem_seg`` (``(1, h, w)`` uint8, which the preprocessor converts to int64 on the device, or
    ``(1, 1, 1)`` int64 for an image-level class), and ``valid`` if the sample has it. If the sample
    has a strong view, it becomes ``inputs["labeled_twin"]``. After ``PairViews`` the data sample
    contains ``homography``, ``(1, 3, 3)`` float32, and with matches ``keypoints``, ``(1, M, 4)``.

    Unlabeled: ``inputs`` has ``weak``, ``strong1``, ... and, after ``WithMix``, the same names with
    the prefix ``mix_``. ``data_samples["weak"]`` (and ``["mix_weak"]``) contains ``valid``,
    ``(1, h, w)`` bool. ``["weak"]`` also contains ``gt_sem_seg`` if the sample has a ``seg_map``.
    This is the ground truth of an unlabeled image, for metrics only, never for training.

    Args:
        labeled: Whether to pack a labeled sample rather than an unlabeled one.

    Raises:
        ValueError: If a labeled sample has no label, or an unlabeled one has no valid map.
    """

    def __init__(self, labeled: bool) -> None:
        self.labeled = labeled

    def transform(self, results: dict) -> dict:
        """Return ``inputs`` and ``data_samples``, each by view."""
        if self.labeled:
            return self._pack_labeled(results)
        if "valid" not in results:
            raise ValueError(
                "Expected a valid map before PackViews(labeled=False), but got none. Put "
                "RandomResizeCropFlip before it or, if labels are classes of images, LoadImage."
            )
        inputs = {view: to_chw(image) for view, image in views_of(results).items()}
        maps = {"valid": results["valid"], **_truth(results)}
        samples = {WEAK: data_sample(results, **maps)}
        if mix(WEAK) in results:
            for view in list(inputs):
                inputs[mix(view)] = to_chw(results[mix(view)])
            samples[mix(WEAK)] = data_sample(results, valid=results[mix("valid")])
        return {"inputs": inputs, "data_samples": samples}

    def _pack_labeled(self, results: dict) -> dict:
        if "seg_map" not in results:
            raise ValueError(
                "Expected every labeled image to have a mask or a class, but got none for "
                f"{results.get('img_path')}. Name it in the labeled list, or move the line to the "
                "unlabeled list."
            )
        maps = {key: results[key] for key in ("valid", *PAIR_KEYS) if key in results}
        sample = data_sample(results, **maps, **_truth(results))
        inputs = {LABELED: to_chw(results["img"])}
        if strong(1) in results:
            inputs[TWIN] = to_chw(results[strong(1)])
        return {"inputs": inputs, "data_samples": {LABELED: sample}}

    def __repr__(self) -> str:
        return f"PackViews(labeled={self.labeled})"


@TRANSFORMS.register_module()
class PackEval(BaseTransform):
    """Pack a validation or test sample as mmseg's loops expect it.

    ``inputs`` is ``(3, H, W)`` uint8; ``data_samples`` is one ``SegDataSample`` with ``gt_sem_seg``
    (``(1, H, W)`` uint8, or ``(1, 1, 1)`` int64) if there is a label.
    """

    def transform(self, results: dict) -> dict:
        """Return ``inputs`` and ``data_samples``."""
        sample = data_sample(results, **_truth(results))
        return {"inputs": to_chw(results["img"]), "data_samples": sample}

    def __repr__(self) -> str:
        return "PackEval()"
