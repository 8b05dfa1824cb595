# SPDX-License-Identifier: Apache-2.0
"""Short description of a run: method, network, data, length, machine and folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from rankseg.engine.unwrap import unwrap_method

NAMED = 6  # number of classes that are listed by name


def describe_run(runner: Runner) -> list[str]:
    """Describe a training run in a few lines."""
    train, sampler = runner.train_dataloader.dataset, runner.train_dataloader.sampler
    val = "no" if runner.val_loop is None else f"{len(runner.val_dataloader.dataset):,}"
    counts = f"{val} validation"
    if hasattr(train, "num_labeled"):
        counts = f"{train.num_labeled:,} labeled, {train.num_unlabeled:,} unlabeled, {counts}"
    labeled, unlabeled = getattr(sampler, "parts", (runner.train_dataloader.batch_size, 0))
    batch = f"{labeled} labeled" + (f" + {unlabeled} unlabeled" if unlabeled else "")
    batch += f" images on {get_world_size()} processes each" if get_world_size() > 1 else " images"
    length = f"{runner.max_iters:,} iterations of {batch}"
    if runner.val_loop is not None:
        length += f", validation every {runner.val_interval:,}"
    if runner.iter:
        length += f", resumed after {runner.iter:,}"
    return [
        f"method   {type(unwrap_method(runner)).__name__}",
        f"network  {describe_network(runner)}",
        f"data     {describe_data(getattr(train, 'labeled', train))}",
        f"images   {counts}",
        f"length   {length}, seed {runner.seed}",
        f"machine  {describe_machine()}",
        f"folder   {short(runner.work_dir)} (log: {Path(log_file(runner)).name})",
        "",
    ]


def describe_test(runner: Runner) -> list[str]:
    """Describe a test in a few lines."""
    dataset = runner.test_dataloader.dataset
    method = unwrap_method(runner)
    return [
        f"method   {type(method).__name__}, predicting with the {method.predict_on}",
        f"data     {describe_data(dataset)}",
        f"images   {len(dataset):,} of {getattr(dataset, 'source', 'the test set')}",
        f"machine  {describe_machine()}",
        "",
    ]


def short(path: str | Path) -> str:
    """Return a path relative to the current folder if it is inside."""
    inside = Path(path).absolute().is_relative_to(Path.cwd())
    return os.path.relpath(path) if inside else str(path)


def log_file(runner: Runner) -> str:
    """Return the path of the log file of a runner."""
    return os.path.join(runner.log_dir, f"{runner.timestamp}.log")


def describe_network(runner: Runner) -> str:
    """Describe encoder, head, size and initial weights of the network that is trained."""
    student = runner.cfg.model.get("student") or {}
    head, backbone = student.get("decode_head") or {}, student.get("backbone") or {}
    parameters = list(unwrap_method(runner).student.parameters())
    count = sum(one.numel() for one in parameters)
    trained = sum(one.numel() for one in parameters if one.requires_grad)
    # A head alone can have some thousands.
    amount = f"{trained / 1e6:.1f} M" if trained >= 1e5 else f"{trained:,}"
    part = "" if trained == count else f" ({amount} trained)"
    kind = str(head.get("type", "?")).split(".")[-1].removesuffix("Head")
    return (
        f"{kind} on {encoder_name(backbone)}, {count / 1e6:.1f} M parameters{part}, "
        f"{initial_weights(runner.cfg)}"
    )


def encoder_name(backbone: Mapping[str, Any]) -> str:
    """Return the name of an encoder with its size.

    >>> encoder_name({"type": "ResNetV1c", "depth": 18})
    'ResNetV1c-18'
    """
    if "model" in backbone:  # the name in timm
        return str(backbone["model"])
    name = str(backbone.get("type", "?")).split(".")[-1]
    sizes = [str(backbone[key]) for key in ("depth", "width") if key in backbone]
    return "-".join([name, *sizes])


def initial_weights(cfg: Mapping[str, Any]) -> str:
    """Describe the weights that a run starts from."""
    if cfg.get("load_from"):
        return f"weights of {cfg['load_from']}"
    model = cfg["model"]
    backbone = (model.get("student") or {}).get("backbone") or {}
    given = model.get("pretrained") or backbone.get("weights")
    if not given and (backbone.get("init_cfg") or {}).get("type") == "Pretrained":
        given = backbone["init_cfg"].get("checkpoint")
    if not given:
        return "random weights"
    return "encoder weights of timm" if given == "hub" else f"encoder weights {Path(given).name}"


def describe_data(dataset: Any) -> str:
    """Describe a data set: type, folder and classes."""
    classes = list((getattr(dataset, "metainfo", None) or {}).get("classes") or ())
    names = f" ({', '.join(classes)})" if 0 < len(classes) <= NAMED else ""
    return (
        f"{type(dataset).__name__.removesuffix('Dataset')} in "
        f"{getattr(dataset, 'data_root', None) or '?'}, {len(classes)} classes{names}"
    )


def describe_machine() -> str:
    """Describe the device, or the number of CPU threads."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    return (
        f"CPU, {threads} thread{'s' * (threads > 1)} of {os.cpu_count()} cores, "
        f"torch {torch.__version__}"
    )
