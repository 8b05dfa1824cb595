#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark time and memory of RankMatch's loss against a direct implementation of the paper.

1. rank: the loss of one strong view, forward and backward. Plain: the full correlation of all
   positions to select agents, softmax, and expanded tensors of B x h x w x k! x N.
   Bound: only the two matrix products and softmaxes that every implementation needs.
2. mix: pasting of the weak features and the loss of two strong views. Plain: features are
   upsampled to the crop, pasted there with a mask, and sampled back.

python tools/benchmarks/loss.py
python tools/benchmarks/loss.py --parts mix --crop 321
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from rankseg.models.losses import RankCorrelationLoss
from rankseg.models.losses.rank_correlation import agent_correlation
from rankseg.models.mixing import cutmix_boxes, paste
from rankseg.testing.benchmark import (
    add_common_arguments,
    compare,
    largest_difference,
    machine,
    table,
    write_report,
)
from rankseg.testing.plain import box_mask, plain_agents, plain_paste, plain_rank_loss


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=("rank", "mix"),
        default=["rank", "mix"],
        help="parts to measure (default: both)",
    )
    parser.add_argument(
        "--batch", type=int, default=4, help="batch size of `rank` (default: %(default)s)"
    )
    parser.add_argument(
        "--mix-batch", type=int, default=2, help="batch size of `mix` (default: %(default)s)"
    )
    parser.add_argument(
        "--crop", type=int, default=513, help="side of the crop, 16 n + 1 (default: %(default)s)"
    )
    parser.add_argument(
        "--channels", type=int, default=256, help="channels of the features (default: %(default)s)"
    )
    parser.add_argument(
        "--agents", type=int, default=128, help="number of agents (default: %(default)s)"
    )
    parser.add_argument(
        "--topk", type=int, default=4, help="number of top agents k (default: %(default)s)"
    )
    add_common_arguments(parser, "loss.json", repeats=7)
    args = parser.parse_args(argv)
    if args.crop % 16 != 1:
        parser.error(
            f"Expected --crop to be a multiple of 16 plus 1, but got {args.crop}. Change it."
        )
    return args


def matrix_products(weak: Tensor, strong: Tensor, positions: Tensor) -> Tensor:
    """Compute two correlations and their softmaxes, which every implementation needs."""
    with torch.no_grad():
        agent_correlation(weak, positions).log_softmax(-1)
    return agent_correlation(strong, positions).log_softmax(-1).sum()


def with_gradient(loss: Callable[[], Tensor], *leaves: Tensor) -> list[Tensor]:
    """Return the value of a loss and its gradients."""
    for leaf in leaves:
        leaf.grad = None
    value = loss()
    value.backward()
    return [value.detach(), *(leaf.grad for leaf in leaves)]


def make_features(batch: int, args: argparse.Namespace, views: int) -> list[Tensor]:
    """Generate weak features, and slightly different strong ones, as after a ReLU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cells = (args.crop - 1) // 16 + 1
    weak = torch.randn(batch, args.channels, cells, cells, device=device).relu_() * 0.3
    strong = [weak + 0.1 * torch.randn_like(weak) for _ in range(views)]
    return [weak, *(view.requires_grad_() for view in strong)]


def rank_cases(args: argparse.Namespace) -> dict[str, Callable]:
    """Return the implementations of the loss of one view."""
    weak, strong = make_features(args.batch, args, views=1)
    loss = RankCorrelationLoss(num_agents=args.agents, topk=args.topk)
    first = torch.zeros(args.batch, dtype=torch.int64, device=weak.device)
    positions = plain_agents(weak, args.agents, first)
    plain = partial(plain_rank_loss, weak, strong, first, args.agents, args.topk)
    return {
        "rank loss, ours": partial(with_gradient, partial(loss, weak, strong, first), strong),
        "rank loss, plain": partial(with_gradient, plain, strong),
        "products and softmaxes alone": partial(
            with_gradient, partial(matrix_products, weak, strong, positions), strong
        ),
    }


def mix_cases(args: argparse.Namespace) -> dict[str, Callable]:
    """Return the implementations of pasting and the loss of two views."""
    weak, *views = make_features(args.mix_batch, args, views=2)
    loss = RankCorrelationLoss(num_agents=args.agents, topk=args.topk)
    first = torch.zeros(args.mix_batch, dtype=torch.int64, device=weak.device)
    size = (args.crop, args.crop)
    boxes = [cutmix_boxes(args.mix_batch, size, probability=1.0) for _ in views]

    def ours() -> Tensor:
        pairs = zip(views, boxes, strict=True)
        return sum(loss(paste(weak, weak.roll(1, 0), box, size), v, first) for v, box in pairs)

    def plain() -> Tensor:
        total = 0
        for view, box in zip(views, boxes, strict=True):
            mixed = plain_paste(weak, weak.roll(1, 0), box_mask(box, size).to(weak.device))
            total = total + plain_rank_loss(mixed, view, first, args.agents, args.topk)
        return total

    return {
        "pasting and two views, ours": partial(with_gradient, ours, *views),
        "pasting and two views, plain": partial(with_gradient, plain, *views),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare values, print and write the results."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    report = {"settings": vars(args), "machine": machine(), "parts": {}}
    for part in args.parts:
        torch.manual_seed(args.seed)
        costs = compare({"rank": rank_cases, "mix": mix_cases}[part](args), args.repeats)
        ours, plain, *bound = costs.values()
        numbers = {
            "times_faster": plain.median / ours.median,
            "times_less_memory": plain.allocator_mib / ours.allocator_mib,
            "largest_relative_difference": largest_difference(ours.result, plain.result),
        }
        if bound:
            numbers["times_the_bound"] = ours.median / bound[0].median
        report["parts"][part] = {
            "cases": {name: cost.summary() for name, cost in costs.items()},
            **numbers,
        }
        print(table(costs))
        print("  " + ", ".join(f"{key.replace('_', ' ')} {v:.3g}" for key, v in numbers.items()))
    write_report(args.out, report)


if __name__ == "__main__":
    main()
