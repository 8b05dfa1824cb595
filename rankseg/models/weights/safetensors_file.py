# SPDX-License-Identifier: Apache-2.0
"""Weights in safetensors files, which hold tensors and text only."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from rankseg.errors import missing_package
from rankseg.utils.atomic_file import atomic_write

SUFFIX = ".safetensors"
META = "dataset_meta"
"""Key of the class names and colors in the header, as JSON."""


def read_safetensors(path: str | Path, map_location: Any = None) -> dict[str, Any]:
    """Read a safetensors file as a checkpoint with ``state_dict`` and ``meta``."""
    package = _package(f"to read {path}")
    try:
        with package.safe_open(str(path), framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except package.SafetensorError as error:
        raise ValueError(
            f"Expected {path} to be a file in safetensors format, but it cannot be read ({error}). "
            "Copy or download it again."
        ) from error
    if map_location is not None:
        state = {name: value.to(map_location) for name, value in state.items()}
    return {"state_dict": state, "meta": _meta_of(header)}


def write_safetensors(
    path: str | Path, state: Mapping[str, Tensor], dataset_meta: Mapping[str, Any]
) -> None:
    """Write weights, with ``classes`` and ``palette``, completely or not at all."""
    _package(f"to write {path}")
    from safetensors.torch import save

    # a copy of each tensor, because the format refuses tensors that share memory
    plain = {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}
    content = save(plain, metadata={"format": "pt", META: json.dumps(dict(dataset_meta))})
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def _package(purpose: str) -> ModuleType:
    try:
        import safetensors
    except ModuleNotFoundError as error:
        raise missing_package("safetensors", purpose) from error
    return safetensors


def _meta_of(header: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata in a header, without values that no export wrote."""
    try:
        found = json.loads(header.get(META, "null"))
    except (ValueError, RecursionError):
        return {}
    return {META: found} if isinstance(found, dict) else {}
