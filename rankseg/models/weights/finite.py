# SPDX-License-Identifier: Apache-2.0
"""Check for unusable weights: NaN, infinite, or of the wrong type."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class BadWeightsError(RuntimeError, ValueError):
    """Raised if weights are not finite, or not floating point where they must be.

    It is a ``RuntimeError`` like the errors of ``load_state_dict``, so callers can catch both.
    """


def check_numbers(given: Mapping[str, Any], own: Mapping[str, Tensor]) -> None:
    """Check that the numbers in a state dict can be those of a trained network.

    Values are checked as they are after loading: ``1e300`` in float64 is infinite in float32. A
    constant of the model that is infinite by design, such as an attention mask, is accepted.
    Entries without values, and names that only one of the two has, are skipped.
    """
    pairs = [
        (name, value, own[name])
        for name, value in given.items()
        if isinstance(value, Tensor) and name in own and not value.is_meta
    ]
    types = [k for k, value, mine in pairs if mine.is_floating_point() and not _is_real(value)]
    if types:
        raise BadWeightsError(
            f"Expected floating-point numbers in {types[0]}, but got "
            f"{_kind(given[types[0]])}{_more(types)}. Use the file that training wrote, not a "
            "quantized or converted one."
        )
    bad = [k for k, value, mine in pairs if _is_real(value) and not _fits(value, mine)]
    if bad:
        first = given[bad[0]].to(own[bad[0]].dtype)
        what = "NaN or infinite numbers" if first.is_floating_point() else "fractional numbers"
        raise BadWeightsError(
            f"Expected finite weights, but got {what} in {bad[0]}{_more(bad)}. The training run "
            "has diverged. Use an earlier checkpoint, or train again with a lower learning rate."
        )


def non_finite(tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Return names of floating-point tensors with NaN or infinite values; syncs only once."""
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
    """Return whether ``value`` loads into ``mine`` as finite numbers, integers unchanged."""
    if not mine.is_floating_point():
        value = value.float()
        return bool((value.isfinite() & (value == value.round())).all())
    value = value.to(mine.dtype)
    if value.isfinite().all():
        return True
    return not mine.is_meta and torch.equal(value.cpu(), mine.cpu())


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more tensors" if len(names) > 1 else ""
