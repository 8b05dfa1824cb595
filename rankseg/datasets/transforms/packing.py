# SPDX-License-Identifier: Apache-2.0
"""From arrays to the tensors and data samples that leave a worker."""

from itertools import count, takewhile

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.registry import TRANSFORMS
from rankseg.structures import LABELED, TWIN, WEAK, mix, strong

META_KEYS = ("img_path", "ori_shape", "img_shape", "sample_idx", "role")
PAIR_KEYS = ("homography", "keypoints")  # of PairViews


def views_of(results: dict) -> dict[str, np.ndarray]:
    """The weak view and all strong views of a sample, by name."""
    views = {WEAK: results["img"]}
    for view in takewhile(results.__contains__, map(strong, count(1))):
        views[view] = results[view]
    return views


def to_chw(image: np.ndarray) -> torch.Tensor:
    """``(H, W, 3)`` array as a ``(3, H, W)`` tensor on the same memory, where it can be written."""
    return torch.from_numpy(np.require(image, requirements=["C", "W"])).permute(2, 0, 1)


def data_sample(results: dict, **maps: np.ndarray) -> SegDataSample:
    """Data sample with the metainfo of a sample and ``(1, H, W)`` maps from ``(H, W)`` arrays."""
    sample = SegDataSample(metainfo={key: results[key] for key in META_KEYS if key in results})
    for name, array in maps.items():
        data = torch.from_numpy(np.require(array, requirements=["C", "W"]))[None]
        sample.set_data({name: PixelData(data=data)})
    return sample


def _truth(results: dict) -> dict[str, np.ndarray]:
    """The map of labels where there is one."""
    return {"gt_sem_seg": results["seg_map"]} if "seg_map" in results else {}


@TRANSFORMS.register_module()
class PackViews(BaseTransform):
    """Pack a training sample by view.

    Labelled: ``inputs["labeled"]`` is ``(3, h, w)`` uint8, ``data_samples["labeled"]`` holds
    ``gt_sem_seg`` (``(1, h, w)`` uint8, which the preprocessor makes int64 on the device, or
    ``(1, 1, 1)`` int64 where the label is the class of an image), and ``valid`` where the sample
    has it. With a strong view in the sample, ``inputs["labeled_twin"]`` is that; after
    ``PairViews`` the sample holds ``homography``, ``(1, 3, 3)`` float32, and where there are
    matches ``keypoints``, ``(1, M, 4)``. Unlabelled:
    ``inputs`` has ``weak``, ``strong1``, ... and, after ``WithMix``, the same with ``mix_``;
    ``data_samples["weak"]`` (and ``["mix_weak"]``) holds ``valid``, ``(1, h, w)`` bool, and
    ``["weak"]`` holds ``gt_sem_seg`` where the sample has a ``seg_map``: that is the truth of an
    unlabelled image where it is known, to measure by and never to train on.

    Args:
        labeled: Which of the two.

    Raises:
        ValueError: If a labelled sample has no label, or an unlabelled one no valid map.
    """

    def __init__(self, labeled: bool) -> None:
        self.labeled = labeled

    def transform(self, results: dict) -> dict:
        """Return ``inputs`` and ``data_samples``, each by view."""
        if self.labeled:
            return self._pack_labeled(results)
        if "valid" not in results:
            raise ValueError(
                "PackViews(labeled=False) found no valid map: put RandomResizeCropFlip before it, "
                "or LoadImage where labels are classes of images"
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
                f"image {results.get('img_path')} is listed as labelled but has no mask or class: "
                "name it in the labelled list, or move the line to the unlabelled list"
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

    ``inputs`` is ``(3, H, W)`` uint8; ``data_samples`` is one ``SegDataSample`` with
    ``gt_sem_seg`` (``(1, H, W)`` uint8, or ``(1, 1, 1)`` int64) where there is a label.
    """

    def transform(self, results: dict) -> dict:
        """Return ``inputs`` and ``data_samples``."""
        sample = data_sample(results, **_truth(results))
        return {"inputs": to_chw(results["img"]), "data_samples": sample}

    def __repr__(self) -> str:
        return "PackEval()"
