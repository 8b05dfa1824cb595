# SPDX-License-Identifier: Apache-2.0
"""Refuses weights that no network can compute with: NaN, infinite, or of the wrong type."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class BadWeightsError(RuntimeError, ValueError):
    """Weights are not finite, or not floating-point numbers where those belong.

    A ``RuntimeError`` like those of ``load_state_dict``, among which callers find it.
    """


def check_numbers(given: Mapping[str, Any], own: Mapping[str, Tensor]) -> None:
    """Refuse a state dict whose numbers cannot be those of a trained network.

    A value counts as it is after loading: ``1e300`` in float64 is infinite in float32. A constant
    of the model that is infinite by design, such as an attention mask, may stay so.

    Args:
        given: State dict to be loaded; what is no tensor, or a tensor without values, is passed
            over.
        own: State dict of the model it is for, on any device; names that only one of them has are
            passed over.

    Raises:
        BadWeightsError: Naming the first bad tensor and the number of them.
    """
    pairs = [
        (name, value, own[name])
        for name, value in given.items()
        if isinstance(value, Tensor) and name in own and not value.is_meta
    ]
    types = [k for k, value, mine in pairs if mine.is_floating_point() and not _is_real(value)]
    if types:
        raise BadWeightsError(
            f"expected floating-point numbers in {types[0]}, but got "
            f"{_kind(given[types[0]])}{_more(types)}. Use the file that "
            "the training wrote, not a quantized or converted one"
        )
    bad = [k for k, value, mine in pairs if _is_real(value) and not _fits(value, mine)]
    if bad:
        first = given[bad[0]].to(own[bad[0]].dtype)
        what = "NaN or infinite numbers" if first.is_floating_point() else "no whole numbers"
        raise BadWeightsError(
            f"expected finite weights, but got {what} in {bad[0]}{_more(bad)}. The training that "
            "made them has diverged: use an earlier checkpoint, or train again with a lower "
            "learning rate"
        )


def non_finite(tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Names of the floating-point tensors with a NaN or infinite value; waits for the device once.

    Args:
        tensors: Names and tensors of one device.
    """
    floating = [(name, value) for name, value in tensors if value.is_floating_point()]
    if not floating:
        return []
    finite = torch.stack([value.isfinite().all() for _, value in floating]).tolist()
    return [name for (name, _), fine in zip(floating, finite, strict=True) if not fine]


def _is_real(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout == torch.strided


def _kind(value: Tensor) -> str:
    sparse = "" if value.layout == torch.strided else "sparse "
    return sparse + str(value.dtype).removeprefix("torch.")


def _fits(value: Tensor, mine: Tensor) -> bool:
    """Whether loading ``value`` into ``mine`` gives finite numbers, unchanged where whole."""
    if not mine.is_floating_point():
        value = value.float()
        return bool((value.isfinite() & (value == value.round())).all())
    value = value.to(mine.dtype)
    if value.isfinite().all():
        return True
    return not mine.is_meta and torch.equal(value.cpu(), mine.cpu())


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more tensors" if len(names) > 1 else ""
