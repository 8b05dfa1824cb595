# SPDX-License-Identifier: Apache-2.0
"""Conversion of released UniMatch and RankMatch checkpoints to our format and back."""

import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor

from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.export.released_names import check_network, to_ours, to_theirs
from rankseg.models.weights.pretrained import describe_mismatch, tensors_of
from rankseg.registry import MODELS
from rankseg.utils.atomic_file import atomic_write

NETWORKS = {"student": "student.", "teacher": "teacher.module."}


def convert_released(
    source: str | Path,
    target: str | Path,
    *,
    reverse: bool = False,
    network: str | None = None,
    cfg: Config | None = None,
) -> dict[str, int]:
    """Write a checkpoint with renamed tensors; every tensor must have a counterpart.

    Args:
        source: A released checkpoint, or one of ours with ``reverse``.
        target: Output file, which must not exist: a plain segmentor, or with ``reverse`` the format
            saved by the released training script, without the optimizer.
        reverse: Convert our format to theirs.
        network: ``"student"`` or ``"teacher"``: network to take from a checkpoint of ours with
            both.
        cfg: Config whose student the checkpoint must match.

    Returns:
        ``depth``, ``classes`` and the number of ``tensors``.

    Raises:
        FileNotFoundError: If the source does not exist.
        ValueError: If the source is not such a checkpoint or does not match, or the target exists.
        WriteError: If the target cannot be written.
    """
    target = Path(target)
    refuse_existing(target)
    state = tensors_of(load_checkpoint_file(str(source), map_location="cpu"), source)
    try:
        ours = segmentor_state(state, network) if reverse else to_ours(state)
        if cfg is not None:
            check_student(ours, cfg)
        depth, classes = check_network(ours)
        theirs = to_theirs(ours) if reverse else None
    except ValueError as error:
        raise ValueError(f"Checkpoint {source} cannot be converted. {error}") from error
    if reverse:
        content = {"model": {f"module.{name}": tensor for name, tensor in theirs.items()}}
    else:
        content = {"state_dict": ours, "meta": {"converted_from": Path(source).name}}
    save_checkpoint(content, target)
    return {"depth": depth, "classes": classes, "tensors": len(ours)}


def refuse_existing(target: Path) -> None:
    """Raise ``ValueError`` if the target exists, even as a broken link."""
    if os.path.lexists(target):
        raise ValueError(
            f"Expected a new output file, but {target} exists. Remove it, or choose another name."
        )


def save_checkpoint(content: dict, target: Path) -> None:
    """Save a checkpoint completely or not at all."""
    with atomic_write(target) as partial, partial.open("wb") as file:
        torch.save(content, file)


def segmentor_state(state: dict[str, Tensor], network: str | None = None) -> dict[str, Tensor]:
    """Return the tensors of one network from the checkpoint of a method or a plain segmentor."""
    found = [n for n, prefix in NETWORKS.items() if any(k.startswith(prefix) for k in state)]
    if not found and network is None:
        return state
    if network is None and len(found) > 1:
        raise ValueError(
            "Expected one network, but got a student and a teacher. Select one with --network."
        )
    name = network or found[0]
    if name not in found:
        raise ValueError(
            f"Expected a checkpoint with a {name}, but it has "
            f"{' and '.join(found) or 'neither student nor teacher'}. "
            "Change --network."
        )
    prefix = NETWORKS[name]
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def check_student(state: dict[str, Tensor], cfg: Config) -> None:
    """Check that tensors match the student of a config."""
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        student = MODELS.build(cfg.model.student)
    own = student.state_dict()
    name = "decode_head.conv_seg.bias"
    if name in own and name in state and len(own[name]) != len(state[name]):
        raise ValueError(
            f"Expected {len(own[name])} classes, as {cfg.config_file} has, but got "
            f"{len(state[name])}. Set model.student.decode_head.num_classes={len(state[name])}, or "
            "use another config."
        )
    message = describe_mismatch(own, state)
    if message:
        raise ValueError(f"Expected the tensors of {cfg.config_file}: {message}")
