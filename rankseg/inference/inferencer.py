# SPDX-License-Identifier: Apache-2.0
"""Inferencer that loads a trained network and predicts images."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from PIL import Image
from torch import Tensor

from rankseg.datasets.transforms.image_level import LoadImage
from rankseg.datasets.transforms.loading import LoadSample, check_range
from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.errors import FileError
from rankseg.imageio.bands import Channels, check_channels, describe_bands
from rankseg.imageio.intensity import ValueCounts
from rankseg.imageio.reading import Range, choose_array_bands, decode_image, read_image_info, to_rgb
from rankseg.inference.load import (
    channels_of,
    check_noted_classes,
    choose_device,
    choose_network,
    classes_of,
    load_method,
    value_range_of,
)
from rankseg.inference.maps import Maps, check_logits, check_memory, enough_memory
from rankseg.inference.prediction import ClassPrediction, Prediction
from rankseg.inference.windows import AUTO, Windows
from rankseg.models.windows import WINDOWS_AT_ONCE, blend, predict
from rankseg.registry import TRANSFORMS
from rankseg.training.config import load_config
from rankseg.training.run_reference import checkpoint_of
from rankseg.training.validation import is_image_level, refuse_embedding
from rankseg.utils.bfloat16 import autocast_bfloat16, why_float32
from rankseg.utils.python_messages import speaks_python
from rankseg.utils.threads import limit_threads

CALLER = 4
"""Place in the stack of who calls an inferencer, seen from a function that it calls."""


class Inferencer:
    """Inferencer that predicts images as ``tools/test.py`` does, without a data set.

    Args:
        config: Run folder, config file, or a config from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint of a method or a plain segmentor. Default: the best one of the run.
        device: Device such as ``"cpu"`` or ``"cuda:0"``; by default the GPU, if there is one.
        weights: ``"student"`` or ``"teacher"``. ``"auto"`` selects the network that the config
            predicts with.
        window: Side of the windows in pixels. ``"auto"`` uses windows for large images only, 0
            never. See :class:`~rankseg.inference.windows.Windows`.
        overlap: Fraction of a window that overlaps the next one, from 0 to 0.9.
        batch: Number of images of one size, or of windows, in a forward pass.
        flip: Also predict each image mirrored and average the logits.
        amp: Use bfloat16 where it is precise enough, if the device computes in it.
        shrink: Factor by which images are shrunk for the network, by area averaging. Masks have the
            size of the original images.
        value_range: Values mapped to 0 and 255 for images of more than 8 bits. Defaults to those of
            the config or data set.
        channels: Bands used as gray or as red, green and blue: one or three numbers from 1.
            Defaults to those of the config.

    Attributes:
        classes: Class names in id order, from the checkpoint if it has them, else from the config.
        palette: An RGB color for each class.
        image_level: True for a classifier.
        value_range: Values mapped to 0 and 255 for images of more than 8 bits. If None, each call
            uses the range over all its images and warns which it is.
        channels: Selected bands. If None, the first three, or the first of two, without
            transparency.

    Raises:
        FileNotFoundError: If config or checkpoint does not exist.
        ValueError: If the checkpoint does not fit the config, or an option is invalid.

    Example:
        >>> inferencer = Inferencer("work_dirs/my_project")  # doctest: +SKIP
        >>> prediction = inferencer("image.png")  # doctest: +SKIP
        >>> mask, picture = prediction.mask, prediction.overlay()  # doctest: +SKIP
    """

    @speaks_python
    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        weights: str = AUTO,
        *,
        window: int | str = AUTO,
        overlap: float | None = None,
        batch: int = 1,
        flip: bool = False,
        amp: bool = False,
        shrink: float = 1.0,
        value_range: Range | None = None,
        channels: Channels = None,
    ) -> None:
        _check_shrink(shrink, window)
        cfg = config if isinstance(config, Config) else load_config(str(config))
        init_default_scope(cfg.get("default_scope", "rankseg"))
        refuse_embedding(cfg)
        if batch < 1:
            raise ValueError(f"Expected batch to be 1 or more, but got {batch}. Change --batch.")
        self.windows = Windows.from_config(cfg, window, overlap)
        self.device = choose_device(device)
        limit_threads()
        checkpoint = checkpoint_of(config, checkpoint)
        state = load_checkpoint_file(checkpoint, map_location="cpu")
        number = cfg.model.student.decode_head.num_classes
        meta = state.get("meta") if isinstance(state, Mapping) else None
        check_noted_classes(meta, number, checkpoint)
        self.classes, self.palette = classes_of(cfg, meta, number)
        self.method = load_method(cfg, checkpoint, state, self.device).eval()
        self.weights = choose_network(self.method, weights)
        self.image_level = is_image_level(cfg)
        self.batch, self.flip, self.amp = batch, flip, amp
        self.pipeline = _pipeline_of(cfg, shrink)
        self.value_range = check_range(value_range, "value_range") or value_range_of(cfg)
        self.channels = check_channels(channels) or channels_of(cfg)
        if self.windows.never:
            self._network.test_cfg = ConfigDict(mode="whole")

    @speaks_python
    def __call__(
        self,
        images: Any,
        *,
        probabilities: bool = False,
        uncertainty: bool = False,
    ) -> Any:
        """Predict an image, or a list of images of any sizes.

        Args:
            images: A file, an array accepted by :func:`~rankseg.imageio.reading.to_rgb`, a Pillow
                image, or a list of these.
            probabilities: Also return the probability of every class at every pixel.
            uncertainty: Also return the uncertainty of every pixel.

        Returns:
            A :class:`Prediction`, or a :class:`ClassPrediction` from a classifier. A list of them
            for a list of images.

        Raises:
            ValueError, OSError: If an image cannot be read or is too large.
        """
        if self.amp and (sentence := why_float32(self.device.type)):
            warnings.warn(sentence, stacklevel=CALLER - 1)
        many = isinstance(images, list | tuple)
        arrays = self._as_rgb(images if many else [images])
        if self.image_level:
            found = self.classify(arrays)
        else:
            found = self._segment(arrays, probabilities, uncertainty)
        return found if many else found[0]

    def _as_rgb(self, images: Sequence[Any]) -> list[np.ndarray]:
        """Read images and convert all of them to 8 bits with one range."""
        looks = [_bands(one) for one in images]
        for line in describe_bands(looks, self.channels, "channels"):
            warnings.warn(line, stacklevel=CALLER)
        decoded = [self._decode(one) for one in images]
        counts, value_range = ValueCounts(), self.value_range
        if value_range is None:
            for values in decoded:
                if values.dtype != np.uint8 and values.dtype.kind in "ui" and values.itemsize <= 2:
                    counts.add([values])
            value_range = counts.range
        if value_range and counts.files:
            warnings.warn(
                f"{counts.files} of {len(decoded)} images have more than 8 bits, but neither the "
                "config nor the data set gives their value range. They were scaled from "
                f"{value_range[0]} to {value_range[1]}, the range of all of them. Set value_range "
                "to use another.",
                stacklevel=CALLER,
            )
        return [to_rgb(one, value_range=value_range) for one in decoded]

    def _decode(self, image: Any) -> np.ndarray:
        """Return the values of an image, ``(H, W)`` or ``(H, W, 3)``."""
        if isinstance(image, str | Path):
            return decode_image(image, self.channels)
        kept = ("L", "LA", "RGB", "RGBA", "I", "F")  # "I" and "F" are rejected later
        if isinstance(image, Image.Image) and image.mode.split(";")[0] not in kept:
            image = image.convert("RGB")  # else palette indices would be read as gray values
        return choose_array_bands(np.asarray(image), self.channels)

    def _segment(self, arrays: list[np.ndarray], probable: bool, unsure: bool) -> list[Prediction]:
        maps = []
        for one in arrays:
            size, classes = one.shape[:2], len(self.classes)
            shares = np.zeros((classes, *size), np.float32) if probable else None
            maps.append(Maps(size, classes, unsure, shares))
        sizes: dict[tuple[int, ...], list[int]] = {}
        for i, one in enumerate(arrays):
            sizes.setdefault(one.shape, []).append(i)
        for same in sizes.values():
            for first in range(0, len(same), self.batch):
                some = same[first : first + self.batch]
                self.predict_into([arrays[i] for i in some], [maps[i] for i in some])
        return [
            Prediction(
                one.mask, one.probabilities, one.uncertainty, image, self.classes, self.palette
            )
            for one, image in zip(maps, arrays, strict=True)
        ]

    @torch.inference_mode()
    def predict_into(
        self,
        images: Sequence[np.ndarray],
        maps: Sequence[Maps],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Predict images of one size into preallocated maps.

        Args:
            images: ``(H, W, 3)`` uint8 RGB images.
            maps: Output maps, one for each image.
            progress: Progress callback, called with the number of newly predicted pixels.

        Raises:
            ValueError: If the image or its intermediate results do not fit into memory, or the
                network outputs NaN or infinity.
        """
        self._predict_into(images, maps, progress)
        for one in maps:
            check_logits(one.non_finite, one.mask.size)

    def _predict_into(
        self,
        images: Sequence[np.ndarray],
        maps: Sequence[Maps],
        progress: Callable[[int], None] | None,
    ) -> None:
        size = images[0].shape[:2]
        check_memory(size, len(self.classes), self.rows_held(size))
        with enough_memory(size):
            samples = [self._prepare(one) for one in images]
            resized = samples[0]["inputs"].shape[1:] != size  # only whole images are resized back
            if resized or not self.windows.needed_for(size, len(self.classes)):
                for one, logits in zip(maps, self._whole(samples), strict=True):
                    one.put(0, logits)
                    if progress:
                        progress(one.mask.size)
                return
            for sample, one in zip(samples, maps, strict=True):
                at_once = max(self.batch, WINDOWS_AT_ONCE if self.device.type == "cuda" else 1)
                rows = blend(self._logits, sample["inputs"], *self.windows[:2], at_once)
                for y, logits in rows:
                    one.put(y, logits)
                    if progress:
                        progress(logits.shape[1] * logits.shape[2])

    def rows_held(self, size: tuple[int, int]) -> int:
        """Return how many rows of logits are in memory at once for an image of this size."""
        return self.windows.size[0] if self.windows.needed_for(size, len(self.classes)) else size[0]

    def _whole(self, samples: list[dict]) -> list[Tensor]:
        """Return logits ``(K, H, W)`` of whole images, computed as in the test loop."""

        def run(mirror: bool) -> list[Tensor]:
            packed = [sample["data_samples"].clone() for sample in samples]
            data = {"inputs": [sample["inputs"] for sample in samples], "data_samples": packed}
            data = self.method.data_preprocessor(data, False)
            images = data["inputs"].flip(-1) if mirror else data["inputs"]
            with self._precision():
                found = predict(self._network, images, data["data_samples"])
            logits = [one.seg_logits.data.float() for one in found]
            return [one.flip(-1) for one in logits] if mirror else logits

        straight = run(mirror=False)
        if not self.flip:
            return straight
        return [(one + two) / 2 for one, two in zip(straight, run(mirror=True), strict=True)]

    def _logits(self, windows: Tensor) -> Tensor:
        """Return logits ``(N, K, h, w)`` of uint8 windows ``(N, 3, h, w)``."""
        images = self.method.data_preprocessor({"inputs": windows}, False)["inputs"]
        metas = [{"img_shape": images.shape[2:]}] * len(images)
        with self._precision():
            logits = self._network.encode_decode(images, metas).float()
            if self.flip:
                mirrored = self._network.encode_decode(images.flip(-1), metas).float()
                logits = (logits + mirrored.flip(-1)) / 2
        return logits

    @torch.inference_mode()
    def classify(self, images: Sequence[np.ndarray]) -> list[ClassPrediction]:
        """Classify images of any sizes, ``(H, W, 3)`` uint8 RGB."""
        found = []
        for image in images:  # one by one, as the pipeline may keep their sizes
            (logits,) = self._whole([self._prepare(image)])
            check_logits(int(logits.isfinite().logical_not().sum()), logits.numel(), "classes")
            shares = logits.flatten().softmax(0).cpu().numpy()
            label = int(shares.argmax())
            found.append(ClassPrediction(label, self.classes[label], shares, self.classes))
        return found

    @property
    def _network(self) -> torch.nn.Module:
        return self.method.network(self.weights)

    def _precision(self) -> torch.autocast:
        return autocast_bfloat16(self.device.type, self.amp)

    def _prepare(self, image: np.ndarray) -> dict:
        """Apply the test pipeline of the config to an image."""
        shape = image.shape[:2]
        results = {"img": image, "img_shape": shape, "ori_shape": shape, "img_path": ""}
        try:
            for step in self.pipeline:
                results = step(results)
        except cv2.error as error:
            height, width = shape
            raise FileError(
                f"Expected an image that is at least one pixel large after shrinking, but got "
                f"{width}x{height} pixels. Use a smaller --shrink, or leave the image out."
            ) from error
        return results


def _pipeline_of(cfg: Config, shrink: float = 1.0) -> list[BaseTransform]:
    """Build the transforms of the test set for images that are already loaded."""
    steps = [TRANSFORMS.build(one) for one in cfg.test_dataloader.dataset.pipeline]
    if not steps or not isinstance(steps[0], LoadSample | LoadImage):
        raise ValueError(
            "Expected test_dataloader.dataset.pipeline to begin with LoadSample (LoadImage for a "
            f"classifier), but got {steps[0] if steps else 'an empty pipeline'}. Add it."
        )
    if not isinstance(steps[0], LoadSample):
        if shrink != 1:
            raise ValueError(
                f"Expected shrink to be 1 for a classifier, but got {shrink:g}. Leave --shrink out."
            )
        return steps
    if shrink == 1:
        return steps[1:]
    smaller = dict(type="mmcv.Resize", scale_factor=1 / shrink, interpolation="area")
    return [TRANSFORMS.build(smaller), *steps[1:]]


def _check_shrink(shrink: float, window: int | str) -> None:
    """Refuse a shrink factor below 1 or infinite, and one combined with windows."""
    if not 1 <= shrink < float("inf"):
        raise ValueError(
            f"Expected shrink to be a number of 1 or more, but got {shrink:g}. Change --shrink."
        )
    if shrink > 1 and window != "auto":
        raise ValueError(
            f"Expected window to be auto with shrink={shrink:g}, but got {window}. Shrunk images "
            "use the windows of the config (test_cfg). Leave --window out."
        )


def _bands(image: Any) -> tuple[int, bool]:
    """Return the number of bands of an image, and whether the last one is transparency."""
    if isinstance(image, str | Path):
        info = read_image_info(image, decode=False)
        return info.bands, bool(info.alpha)
    shape = np.shape(image)
    bands = shape[2] if len(shape) == 3 else 1
    return bands, bands in (2, 4)
