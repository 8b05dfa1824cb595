# SPDX-License-Identifier: Apache-2.0
"""Which images are predicted by windows, and by which."""

from typing import NamedTuple

from mmengine.config import Config

from rankseg.training.network_checks import crop_of

AUTO = "auto"
WHOLE_PIXELS = 2048 * 2048
"""Images up to this size are predicted as a whole, as in a test."""
WHOLE_LOGITS = 2**27
"""And if they have no more logits than that: half a gigabyte."""
SMALLEST = 512
OVERLAP = 0.25


class Windows(NamedTuple):
    """When and how windows are taken.

    Attributes:
        size: Height and width of a window in pixels.
        overlap: Pixels that neighbours share, down and to the right.
        small_too: Take them for every image that is larger than one window; else for images that
            are too large to be predicted as a whole.
        never: Take none.
    """

    size: tuple[int, int]
    overlap: tuple[int, int]
    small_too: bool = False
    never: bool = False

    @classmethod
    def of(cls, cfg: Config, window: int | str = AUTO, overlap: float | None = None) -> "Windows":
        """The windows that suit a config.

        By default they are those of ``test_cfg``, if the config slides in tests; else the training
        crop, taken so many times that a side has at least 512 pixels: most of a larger window lies
        far from its border, where the network sees all that it looks for.

        Args:
            cfg: Of the network.
            window: Side in pixels, 0 for none, or ``"auto"``.
            overlap: Share of a window that the next one sees too; a quarter by default, or what
                ``test_cfg`` says.

        Raises:
            ValueError: If one of the two is out of its range.
        """
        if window != AUTO and (not isinstance(window, int) or 0 < window < 16 or window < 0):
            raise ValueError(
                f"window {window!r}: expected auto, 0 for none, or a side of at least 16 pixels"
            )
        if overlap is not None and not 0 <= overlap <= 0.9:
            raise ValueError(f"overlap {overlap}: expected a share of the window from 0 to 0.9")
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
        return cls(size, shared, small_too=window not in (AUTO, 0), never=window == 0)

    def suit(self, image: tuple[int, int], classes: int) -> bool:
        """Whether an image of this height and width is to be predicted by windows."""
        pixels = image[0] * image[1]
        large = pixels > WHOLE_PIXELS or pixels * classes > WHOLE_LOGITS
        fits = all(side <= most for side, most in zip(image, self.size, strict=True))
        return not self.never and not fits and (self.small_too or large)


def _some_crops(crop: int) -> int:
    """A multiple of the crop of at least 512 pixels; an odd crop is a multiple plus 1.

    >>> [_some_crops(crop) for crop in (129, 513, 320, 801)]
    [513, 513, 640, 801]
    """
    odd = crop % 2
    return (crop - odd) * max(1, -(-(SMALLEST - odd) // (crop - odd))) + odd
