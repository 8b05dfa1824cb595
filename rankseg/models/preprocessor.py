# SPDX-License-Identifier: Apache-2.0
"""Conversion of uint8 batches to normalized float tensors on the device."""

from collections.abc import Mapping, Sequence

import torch
from mmseg.models import SegDataPreProcessor
from mmseg.structures import SegDataSample
from mmseg.utils import stack_batch
from torch import Tensor

from rankseg.registry import MODELS


@MODELS.register_module()
class ViewPreprocessor(SegDataPreProcessor):
    """Preprocessor that moves a batch to the device, then casts and normalizes it there.

    Training batches are dicts of views and remain dicts. In plain batches, used for validation,
    test and prediction, images of different sizes stay separate, so the network never sees padding.

    Args:
        mean: Mean of R, G, B in gray levels, 0 to 255.
        std: Standard deviation of R, G, B in gray levels.
        channels_last: Use the channels-last memory layout for training views, which speeds up
            half-precision convolutions on recent GPUs.
        non_blocking: Copy pinned memory to the device without waiting.

    Shape:
        - views: ``inputs`` ``{view: (B, 3, h, w) uint8}`` -> the same in float32;
          ``data_samples`` ``{view: [SegDataSample]}``, with ``gt_sem_seg`` cast to int64.
        - plain: ``inputs`` list of ``(3, H, W)`` or one ``(B, 3, H, W)`` -> ``(B, 3, H, W)``
          float32 if all images have one size, otherwise a list of ``(3, H, W)`` for
          :func:`rankseg.models.windows.predict`. In training, images and labels are padded to the
          largest size in the batch.

    Raises:
        ValueError: If images do not have 3 channels.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        channels_last: bool = False,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(mean=mean, std=std, size_divisor=1)
        self._non_blocking = non_blocking
        self.channels_last = channels_last

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare one batch.

        Args:
            data: ``inputs`` and, except for bare inference, ``data_samples``.
            training: Plain batches only: pad the label maps together with the images.
        """
        data = self.cast_data(data)
        inputs, samples = data["inputs"], data.get("data_samples")
        if isinstance(inputs, Mapping):
            layout = torch.channels_last if self.channels_last else torch.contiguous_format
            views = {view: self._normalize(image, layout) for view, image in inputs.items()}
            samples = {view: self._as_long(some) for view, some in (samples or {}).items()}
            return {"inputs": views, "data_samples": samples}
        samples = None if samples is None else self._as_long(samples)
        images = [self._normalize(image[None])[0] for image in inputs]
        if training and samples is not None:
            stacked, samples = stack_batch(images, samples, size_divisor=1)
            return {"inputs": stacked, "data_samples": samples}
        for sample, image in zip(samples or [], images, strict=bool(samples)):
            sample.set_metainfo({"pad_shape": tuple(image.shape[1:])})  # mmseg resizes logits to it
        one_size = len({image.shape for image in images}) == 1
        return {"inputs": torch.stack(images) if one_size else images, "data_samples": samples}

    def _normalize(
        self,
        images: Tensor | Sequence[Tensor],
        layout: torch.memory_format = torch.contiguous_format,
    ) -> Tensor:
        """Convert ``(B, 3, h, w)`` images of any type to normalized float32."""
        images = images if isinstance(images, Tensor) else torch.stack(list(images))
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(
                f"Expected images of shape (B, 3, H, W), but got {tuple(images.shape)}. Load "
                "them with LoadSample, which returns three channels."
            )
        images = images.to(torch.float32, memory_format=layout, copy=True)
        return images.sub_(self.mean).div_(self.std)

    @staticmethod
    def _as_long(samples: Sequence[SegDataSample]) -> list[SegDataSample]:
        """Convert label maps to int64, as cross-entropy requires."""
        for sample in samples:
            if "gt_sem_seg" in sample:
                sample.gt_sem_seg.data = sample.gt_sem_seg.data.long()
        return list(samples)
