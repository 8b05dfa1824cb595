# SPDX-License-Identifier: Apache-2.0
"""Log messages about missing classes and non-finite outputs."""

import logging
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

NAMED = 10  # number of classes that a message lists by name
ABSENT = {  # how metrics treat a class without pixels or images
    "pixel": "shown as '-' and left out of the means; if it is predicted, its IoU is 0",
    "image": "its accuracy is not defined and left out of mean_class",
}


def names(which: np.ndarray, classes: Sequence[str]) -> str:
    """Join the names of the classes where ``which`` is true.

    >>> names(np.array([True, False, True]), ("sky", "road", "cat"))
    'sky, cat'
    """
    found = [name for name, wanted in zip(classes, which, strict=True) if wanted]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


class ClassNotes:
    """Logger of classes that are missing from truth or predictions, counted by ``things``.

    The truth does not change between evaluations, so warnings about it are logged only once.
    """

    def __init__(self, things: str) -> None:
        self.things = things
        self._logged: set[str] = set()

    def say(self, truth: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> None:
        """Log the missing classes, by the true and the predicted count of each class."""
        truth, predicted = np.asarray(truth), np.asarray(predicted)
        if not truth.any():
            self._once(
                f"No {self.things} of the validation set has a label, so all its metrics are nan. "
                "Check its masks, in which 255 means 'ignore'."
            )
            return
        if not truth.all():
            self._once(
                f"No {self.things} of the validation set is of class {names(truth == 0, classes)}: "
                + f"{ABSENT[self.things]}."
            )
        if (predicted > 0).sum() == 1 and (truth > 0).sum() > 1:
            print_log(
                f"Every {self.things} is predicted to be of class {names(predicted > 0, classes)}. "
                "This is usual in the first iterations. If it does not change, check the learning "
                "rate, model.pretrained, and the number of labeled images of each class.",
                "current",
                logging.WARNING,
            )
        elif ((truth > 0) & (predicted == 0)).any():
            never = names((truth > 0) & (predicted == 0), classes)
            print_log(f"No {self.things} is predicted to be of class {never}.", "current")

    def _once(self, text: str) -> None:
        if text not in self._logged:
            self._logged.add(text)
            print_log(text, "current", logging.WARNING)


def warn_not_finite(lost: Sequence[int], paths: Sequence[str], things: str) -> None:
    """Warn about images for which the network returned NaN or infinity, if there are any."""
    bad = [path for path, count in zip(paths, lost, strict=True) if count]
    if bad:
        print_log(
            f"The network returned NaN or infinity for {sum(lost)} {things} in {len(bad)} of "
            f"{len(paths)} images (the first: {bad[0]}), so their metrics are meaningless. The "
            "weights or activations have overflowed. Use an earlier checkpoint, or train with a "
            "lower learning rate.",
            "current",
            logging.WARNING,
        )


def percent(share: float) -> float:
    """Return a share in percent, with two decimals."""
    return round(100 * float(share), 2)


def cell(percent: float) -> str:
    """Format a percentage for a table, NaN as ``"-"``."""
    return "-" if np.isnan(percent) else f"{percent:.2f}"
