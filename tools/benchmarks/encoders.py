#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark time and memory of a training step with encoders of timm.

Each encoder is trained frozen, by adapters of low rank (LoRA), and as a whole, by Mean Teacher,
whose teacher shares the frozen part. At last, UniMatch V2 is compared with UniMatch. Weights are
random, which changes neither time nor memory. A step is forward, backward, optimizer and teacher.

python tools/benchmarks/encoders.py                      # crop 224, 2 + 2 images; about 10 min
python tools/benchmarks/encoders.py --encoders vit_tiny_patch16_224 --crop 96 --repeats 1
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.registry import init_default_scope

from rankseg.models.methods import Method
from rankseg.registry import MODELS
from rankseg.testing.benchmark import (
    MIB,
    Cost,
    add_common_arguments,
    compare,
    machine,
    table,
    write_report,
)
from rankseg.testing.toy import toy_batch
from rankseg.training.command_line import exit_on_user_error

ENCODERS = ("vit_tiny_patch16_224", "vit_small_patch14_dinov2", "efficientnet_lite0")
TUNINGS = {"full": {}, "lora": {"lora": 8}, "frozen": {"frozen": True}}
METHODS = {
    "UniMatch": {"type": "UniMatch"},
    "UniMatchV2": {"type": "UniMatchV2"},
}
CLASSES = 21


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--encoders",
        nargs="+",
        default=list(ENCODERS),
        metavar="NAME",
        help=f"names in timm (default: {', '.join(ENCODERS)})",
    )
    parser.add_argument("--crop", type=int, default=224, help="side of the crop (default: 224)")
    parser.add_argument(
        "--batch",
        type=int,
        default=2,
        help="number of labeled and of unlabeled images (default: %(default)s)",
    )
    add_common_arguments(parser, "encoders.json", repeats=3)
    args = parser.parse_args(argv)
    if args.batch < 2:
        parser.error("Expected --batch to be 2 or more. Change it.")
    return args


def build(encoder: str, args: argparse.Namespace, trunk: dict, method: dict) -> Method:
    """Build a method on an encoder with a linear head, always with the same random weights."""
    backbone = {"type": "TimmTrunk", "model": encoder} | trunk
    head = {"type": "LinearHead", "in_channels": None, "num_classes": CLASSES}
    student = {"type": "EncoderDecoder", "backbone": backbone, "decode_head": head}
    torch.manual_seed(args.seed)
    model: Method = MODELS.build({"student": student} | method)
    model.init_weights()
    return model.train().to("cuda" if torch.cuda.is_available() else "cpu")


def cases(args: argparse.Namespace) -> dict[str, tuple[str, dict, dict]]:
    """Return encoder, options of the encoder and options of the method of each case."""
    teacher = {"type": "MeanTeacher", "teacher": {"momentum": 0.004}}
    found = {
        f"{encoder} {name}": (encoder, trunk, teacher)
        for encoder in args.encoders
        for name, trunk in TUNINGS.items()
        if name != "lora" or encoder.startswith("vit")
    }
    for name, method in METHODS.items():
        found[f"{args.encoders[0]} {name}"] = (args.encoders[0], {}, method | {"threshold": 0.0})
    return found


def make_step(case: tuple[str, dict, dict], args: argparse.Namespace) -> tuple[Callable, float]:
    """Return a function that runs one step, and the MiB of parameters that networks hold."""
    encoder, trunk, method = case
    model = build(encoder, args, trunk, method)
    torch.manual_seed(args.seed + 1)
    inputs, samples = toy_batch(args.batch, args.batch, args.crop, CLASSES)
    device = next(model.parameters()).device
    inputs = {name: view.to(device) for name, view in inputs.items()}
    samples = {name: [sample.to(device) for sample in some] for name, some in samples.items()}
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5)
    # parameters() yields shared parameters once
    held = sum(one.numel() * one.element_size() for one in model.parameters()) / MIB

    def step() -> None:
        torch.manual_seed(args.seed + 2)
        optimizer.zero_grad()
        losses = model.loss(inputs, samples)
        sum(value for name, value in losses.items() if name.startswith("loss")).backward()
        optimizer.step()
        if model.teacher is not None:
            model.update_teacher()

    return step, held


def ratios(costs: dict[str, Cost], encoders: Sequence[str]) -> dict[str, Any]:
    """Return time and memory of the cheaper cases relative to the whole encoder and UniMatch."""
    pairs = [(f"{one} {name}", f"{one} full") for one in encoders for name in ("lora", "frozen")]
    pairs += [(f"{encoders[0]} UniMatchV2", f"{encoders[0]} UniMatch")]
    return {
        f"{first} / {second}": {
            "time": costs[first].median / costs[second].median,
            "allocator": costs[first].allocator_mib / costs[second].allocator_mib,
        }
        for first, second in pairs
        if first in costs
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope("rankseg")
    with exit_on_user_error():
        steps = {name: make_step(case, args) for name, case in cases(args).items()}
        costs = compare({name: step for name, (step, _) in steps.items()}, args.repeats)
    found = ratios(costs, args.encoders)
    print(table(costs, unit=1.0))
    for name, (_, held) in steps.items():
        print(f"  {name:60} {held:8.1f} MiB of parameters")
    for name, numbers in found.items():
        print(f"  {name:60} {numbers['time']:6.2f} x time {numbers['allocator']:6.2f} x memory")
    report = {
        "settings": vars(args),
        "machine": machine(),
        "cases": {name: cost.summary() for name, cost in costs.items()},
        "parameters_mib": {name: held for name, (_, held) in steps.items()},
        "ratios": found,
    }
    write_report(args.out, report)


if __name__ == "__main__":
    main()
