# SPDX-License-Identifier: Apache-2.0
"""Sliding windows for prediction: their size, and the images that need them."""

from typing import NamedTuple

from mmengine.config import Config

from rankseg.errors import expect
from rankseg.training.network_checks import crop_of

AUTO = "auto"
WHOLE_PIXELS = 2048 * 2048
"""Images up to this number of pixels are predicted whole, as in testing."""
WHOLE_LOGITS = 2**27
"""Images with more logits than this (0.5 GiB in float32) are predicted by windows."""
SMALLEST = 512
OVERLAP = 0.25


class Windows(NamedTuple):
    """Size and use of sliding windows.

    Attributes:
        size: Height and width of a window in pixels.
        overlap: Pixels that neighboring windows share, vertically and horizontally.
        always: Use windows for every image larger than one window. Otherwise use them only for
            images that are too large to predict whole.
        never: Use no windows.
    """

    size: tuple[int, int]
    overlap: tuple[int, int]
    always: bool = False
    never: bool = False

    @classmethod
    def from_config(
        cls, cfg: Config, window: int | str = AUTO, overlap: float | None = None
    ) -> "Windows":
        """Return the windows that suit a config.

        By default they are those of ``test_cfg``, if it uses sliding windows. Otherwise a window is
        the training crop, multiplied so that a side has at least 512 pixels: most pixels of a
        larger window are far from its border and have their full context. The overlap is a share of
        the window, by default that of ``test_cfg`` with its windows, else a quarter.
        """
        if window != AUTO and (not isinstance(window, int) or 0 < window < 16 or window < 0):
            raise ValueError(
                f"Expected window to be auto, 0 (no windows) or a side of at least 16 pixels, but "
                f"got {window!r}. Change --window."
            )
        wanted, cure = "a fraction of the window from 0 to 0.9", "Change --overlap."
        expect(overlap is None or 0 <= overlap <= 0.9, "overlap", wanted, overlap, cure)
        test = cfg.model.student.get("test_cfg") or {}
        slides = test.get("mode") == "slide"
        if window not in (AUTO, 0):
            size = (window, window)
        elif slides:
            size = tuple(test["crop_size"])
        else:
            size = tuple(_some_crops(side) for side in crop_of(cfg) or (SMALLEST, SMALLEST))
        if overlap is None and window == AUTO and slides:
            shared = tuple(a - b for a, b in zip(size, test["stride"], strict=True))
        else:
            shared = tuple(int(side * (OVERLAP if overlap is None else overlap)) for side in size)
        return cls(size, shared, always=window not in (AUTO, 0), never=window == 0)

    def needed_for(self, image: tuple[int, int], classes: int) -> bool:
        """Return True if an image of this height and width should be predicted by windows."""
        pixels = image[0] * image[1]
        large = pixels > WHOLE_PIXELS or pixels * classes > WHOLE_LOGITS
        fits = all(side <= most for side, most in zip(image, self.size, strict=True))
        return not self.never and not fits and (self.always or large)


def _some_crops(crop: int) -> int:
    """Return a multiple of the crop of at least 512 pixels; an odd crop is a multiple plus 1.

    >>> [_some_crops(crop) for crop in (129, 513, 320, 801)]
    [513, 513, 640, 801]
    """
    odd = crop % 2
    return (crop - odd) * max(1, -(-(SMALLEST - odd) // (crop - odd))) + odd
