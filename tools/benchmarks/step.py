#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark time and memory of a training step against a direct implementation of the papers.

The plain step represents boxes as masks, runs the pasted images through the network in a separate
pass, upsamples the weak features to the crop to paste them there, and expands every order of every
position for all agents (rankseg/testing/plain.py). A step is forward, backward and optimizer;
batches are created once. Before measuring, the benchmark compares losses and gradients of both
steps with the same weights, images and random numbers.

python tools/benchmarks/step.py                      # crop 321, 2 + 2 images, R-50; about 25 min
python tools/benchmarks/step.py --cases plain-same ours-same ours-batch-bf16
python tools/benchmarks/step.py --batch 4 --cases ours-batch-nhwc ours-batch-nhwc-half \\
    ours-batch-nhwc-checkpointing                      # what memory costs
python tools/benchmarks/step.py --depth 18 --crop 129 --agents 64 --repeats 2  # a quick look
python tools/benchmarks/step.py --launches --crop 193 --cases ours-batch  # count operations only
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.registry import init_default_scope
from torch import Tensor

from rankseg.engine.activation_checkpointing import turn_on_activation_checkpointing
from rankseg.models.methods import Method
from rankseg.registry import MODELS
from rankseg.testing.benchmark import (
    Cost,
    add_common_arguments,
    compare,
    largest_difference,
    machine,
    table,
    write_report,
)
from rankseg.testing.launches import LaunchCounter
from rankseg.testing.plain import plain_step
from rankseg.testing.toy import toy_batch
from rankseg.training.command_line import exit_on_user_error
from rankseg.training.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CLASSES = 21


class Case(NamedTuple):
    """One way to run a step."""

    mix_source: str
    plain: bool = False
    rank: bool = True
    bf16: bool = False
    channels_last: bool = False
    parts: int = 1  # gradient accumulation: number of pieces of the batch
    checkpointing: bool = False  # activation checkpointing of every stage of the backbone
    compiled: bool = False  # compile the backbone with torch.compile


CASES = {
    "plain-same": Case("same", plain=True),
    "plain-batch": Case("batch", plain=True),
    "plain-unimatch": Case("same", plain=True, rank=False),
    "ours-same": Case("same"),
    "ours-same-nhwc": Case("same", channels_last=True),
    "ours-same-bf16": Case("same", bf16=True, channels_last=True),
    "ours-batch": Case("batch"),
    "ours-batch-nhwc": Case("batch", channels_last=True),
    "ours-batch-bf16": Case("batch", bf16=True, channels_last=True),
    "unimatch-batch": Case("batch", rank=False),
    "unimatch-batch-nhwc": Case("batch", rank=False, channels_last=True),
    "unimatch-batch-bf16": Case("batch", rank=False, bf16=True, channels_last=True),
}
SAVINGS = {
    "ours-batch-nhwc-half": Case("batch", channels_last=True, parts=2),
    "ours-batch-nhwc-checkpointing": Case("batch", channels_last=True, checkpointing=True),
    "ours-batch-nhwc-compiled": Case("batch", channels_last=True, compiled=True),
}
STAGES = tuple(f"student.backbone.layer{i}" for i in (1, 2, 3, 4))
RATIOS = (  # pairs to compare: slower case, faster case
    ("plain-same", "ours-same"),
    ("plain-same", "ours-same-nhwc"),
    ("plain-same", "ours-same-bf16"),
    ("plain-same", "ours-batch"),
    ("plain-same", "ours-batch-nhwc"),
    ("plain-same", "ours-batch-bf16"),
    ("plain-unimatch", "ours-batch-nhwc"),
    ("ours-batch", "unimatch-batch"),
    ("ours-batch-nhwc", "unimatch-batch-nhwc"),
    ("ours-batch-bf16", "unimatch-batch-bf16"),
    *((name, "ours-batch-nhwc") for name in SAVINGS),
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        choices=(*CASES, *SAVINGS),
        default=list(CASES),
        metavar="CASE",
        help=f"cases to measure (default: all but the last three): {', '.join((*CASES, *SAVINGS))}",
    )
    parser.add_argument(
        "--depth",
        type=int,
        default=50,
        choices=(18, 50, 101),
        help="depth of the ResNet (default: %(default)s)",
    )
    parser.add_argument(
        "--agents", type=int, default=128, help="number of agents (default: %(default)s)"
    )
    parser.add_argument(
        "--crop", type=int, default=321, help="side of the crop, 16 n + 1 (default: %(default)s)"
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=2,
        help="number of labeled and of unlabeled images (default: %(default)s)",
    )
    parser.add_argument(
        "--launches",
        action="store_true",
        help="only count the operations of a step that start work on a device",
    )
    add_common_arguments(parser, "step.json", repeats=3)
    args = parser.parse_args(argv)
    if args.crop % 16 != 1 or args.batch < 2:
        parser.error(
            "Expected --crop to be a multiple of 16 plus 1 and --batch to be 2 or more. "
            "Change them."
        )
    if "ours-batch-nhwc-half" in args.cases and (args.batch < 4 or args.batch % 2):
        parser.error(
            "Expected --batch to be even and 4 or more, so that each half has at least 2 "
            "images. Change it."
        )
    return args


def build(case: Case, args: argparse.Namespace) -> Method:
    """Build RankMatch or UniMatch of the VOC configs, always with the same random weights."""
    model = load_config(str(CONFIGS / "rankmatch" / "voc_92.py")).model
    backbone, head = model.student.backbone, model.student.decode_head
    backbone.depth = args.depth
    if args.depth == 18:
        width = backbone.get("base_channels", 64)
        head.in_channels, head.c1_in_channels = 8 * width, width
    model.pretrained = None
    model.mix_source = case.mix_source
    model.threshold = 0.1  # so that pseudo-labels of random weights count
    model.rank = dict(num_agents=args.agents)
    if not case.rank:
        model.type = "UniMatch"
        del model["rank"]
        model.pop("feature_tap", None)
    torch.manual_seed(args.seed)
    method = MODELS.build(model)
    method.init_weights()
    method.train()
    method.to("cuda" if torch.cuda.is_available() else "cpu")
    if case.checkpointing:
        turn_on_activation_checkpointing(method, STAGES)
    if case.compiled:
        method.student.backbone.compile()
    return method.to(memory_format=torch.channels_last) if case.channels_last else method


def losses_of(
    method: Method, case: Case, batch: tuple[dict, dict], agents: int
) -> dict[str, Tensor]:
    """Return the terms of the loss."""
    if case.plain:
        options = (case.mix_source, method.threshold, agents, case.rank)
        return plain_step(method.student, *batch, *options)
    device = next(method.parameters()).device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=case.bf16):
        losses = method.loss(*batch)
    losses.pop("confident")
    return losses


def make_batch(case: Case, args: argparse.Namespace) -> tuple[dict, dict]:
    """Build fixed views and samples on the device; one piece if the case has parts."""
    torch.manual_seed(args.seed + 1)
    count = args.batch // case.parts
    inputs, samples = toy_batch(count, count, args.crop, CLASSES, mixed=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if case.channels_last else torch.contiguous_format
    inputs = {name: view.to(device, memory_format=layout) for name, view in inputs.items()}
    samples = {name: [sample.to(device) for sample in some] for name, some in samples.items()}
    return inputs, samples


def make_step(case: Case, args: argparse.Namespace) -> Callable[[], None]:
    """Return a function that runs one training step."""
    method, batch = build(case, args), make_batch(case, args)
    optimizer = torch.optim.SGD(method.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        torch.manual_seed(args.seed + 2)
        optimizer.zero_grad()
        for _ in range(case.parts):
            losses = losses_of(method, case, batch, args.agents)
            (sum(losses.values()) / case.parts).backward()
        optimizer.step()

    return step


def check_values(case: Case, args: argparse.Namespace) -> dict[str, float]:
    """Return the differences of a case from the plain step, in losses and total gradient norm.

    Single precision makes gradients of single weights differ more, where a ReLU's input is near 0.
    """
    found = []
    for one in (case, Case(case.mix_source, plain=True, rank=case.rank)):
        method, batch = build(one, args), make_batch(one, args)
        torch.manual_seed(args.seed + 2)
        losses = losses_of(method, one, batch, args.agents)
        sum(losses.values()).backward()
        found.append((losses, torch.cat([p.grad.flatten() for p in method.parameters()])))
    (losses, gradients), (plain_losses, plain_gradients) = found
    return {
        "losses": largest_difference(losses, plain_losses),
        "gradients": float((gradients - plain_gradients).norm() / plain_gradients.norm()),
    }


def launches_of(case: Case, args: argparse.Namespace) -> dict[str, int]:
    """Return the number of operations of the forward pass, and of forward and backward pass."""
    method, batch = build(case, args), make_batch(case, args)
    losses_of(method, case, batch, args.agents)  # the first step also builds tables
    with LaunchCounter() as counter:
        losses = losses_of(method, case, batch, args.agents)
        forward = counter.launches.total()
        sum(losses.values()).backward()
    return {"forward": forward, "forward and backward": counter.launches.total()}


def ratios(costs: dict[str, Cost]) -> dict[str, Any]:
    """Return time and memory ratios of the measured pairs of cases."""
    return {
        f"{slow} / {fast}": {
            "time": costs[slow].median / costs[fast].median,
            "allocator_mib_more": costs[slow].allocator_mib - costs[fast].allocator_mib,
        }
        for slow, fast in RATIOS
        if slow in costs and fast in costs
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Compare values, measure, print and write the results."""
    args = parse_args(argv)
    known = {**CASES, **SAVINGS}
    chosen = {name: known[name] for name in args.cases}
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope("rankseg")
    with exit_on_user_error():
        if args.launches:
            counts = {name: launches_of(case, args) for name, case in chosen.items()}
            for name, count in counts.items():
                print(f"  {name}: {count}")
            write_report(args.out, {"settings": vars(args), "launches": counts})
            return
        differences = {}
        for name, case in chosen.items():
            if not case.plain and not case.bf16 and case.parts == 1:
                differences[name] = check_values(case, args)
                print(f"  {name} against plain: {differences[name]}", flush=True)
        costs = compare(
            {name: make_step(case, args) for name, case in chosen.items()}, args.repeats
        )
    found = ratios(costs)
    print(table(costs, unit=1.0))
    for name, numbers in found.items():
        print(f"  {name:40} {numbers['time']:6.2f} x {numbers['allocator_mib_more']:+9.0f} MiB")
    report = {
        "settings": vars(args),
        "machine": machine(),
        "largest_relative_difference": differences,
        "cases": {name: cost.summary() for name, cost in costs.items()},
        "ratios": found,
    }
    write_report(args.out, report)


if __name__ == "__main__":
    main()
