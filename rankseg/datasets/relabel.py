# SPDX-License-Identifier: Apache-2.0
"""Coarse labels and label noise for experiments."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def check_noise(noise: Mapping | None) -> dict | None:
    """Check ``dict(share=0.25, seed=0)``; the seed is optional.

    Raises:
        ValueError: If it is invalid.
    """
    if noise is None:
        return None
    share = noise.get("share")
    number = isinstance(share, int | float) and 0 <= share <= 1
    if not number or not {"share"} <= set(noise) <= {"share", "seed"}:
        raise ValueError(
            "Expected label_noise to be dict(share=S, seed=N) with S in [0, 1], such as "
            f"dict(share=0.25, seed=0), but got {dict(noise)}."
        )
    return {"seed": 0, **noise}


def corrupt(label: np.ndarray, num_classes: int, share: float, seed: int = 0) -> np.ndarray:
    """Replace a share of the labels by other classes.

    The changes depend only on the seed: a larger share makes the same changes as a smaller one, and
    more.

    Args:
        label: ``(N,)`` class ids below ``num_classes``.
        num_classes: Number of classes ``K``.
        share: Share of the ``N`` labels to change, in ``[0, 1]``; rounded to whole labels, halves
            to even.
        seed: Non-negative integer.

    Returns:
        A copy of the labels with that many changes.

    Raises:
        ValueError: If there is only one class.

    Source: CMSF (ECCV 2022), section 3.2, "random i.i.d. noise"; here the number of changed labels
        is exact.
    """
    if num_classes < 2:
        raise ValueError(
            "Expected label_noise to come with two classes or more, but got one. Remove "
            "label_noise."
        )
    rng = np.random.default_rng(seed)
    order, steps = rng.permutation(len(label)), rng.integers(1, num_classes, len(label))
    chosen = order[: round(share * len(label))]
    noisy = np.array(label)
    noisy[chosen] = (noisy[chosen] + steps[chosen]) % num_classes
    return noisy


def read_groups(path: str | Path) -> dict[str, str]:
    """Read a file of ``class group`` lines, separated by a TAB if names contain blanks.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If a line cannot be parsed, or a class is listed twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected coarse to be a file of 'class group' lines, one per class, but {path} does "
            "not exist. data/README.md, section 'Coarse and noisy labels', shows one."
        )
    groups: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in (line.split("\t") if "\t" in line else line.split())]
        if len(words) != 2 or not all(words):
            raise ValueError(
                f"Expected {path}, line {number} to be 'class group', but got '{line}'. If names "
                "contain blanks, put a TAB between them."
            )
        if words[0] in groups:
            raise ValueError(
                f"Expected one group for each class, but {path}, line {number} names class "
                f"'{words[0]}' again. Remove one of the lines."
            )
        groups[words[0]] = words[1]
    return groups


def check_groups(groups: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """Return the group of every class in class order, ignoring other entries.

    Raises:
        ValueError: If a class has no group.
    """
    without = [name for name in classes if name not in groups]
    if without:
        raise ValueError(
            f"Expected coarse to name a group for every class, but got none for {len(without)} of "
            f"{len(classes)} ({', '.join(without[:3])}{', ...' if len(without) > 3 else ''}). Add "
            "them."
        )
    return {name: groups[name] for name in classes}
