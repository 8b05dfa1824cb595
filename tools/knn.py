#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Classify the test images of a config by their nearest labelled images in a checkpoint's features.

python tools/knn.py configs/simmatch/cifar10_250.py work_dirs/simmatch/cifar10_250/iter_1000.pth
python tools/knn.py CONFIG CHECKPOINT --k 1 20 --temperature 0.07 --bank all
"""

import argparse
from collections.abc import Sequence

from rankseg import apis
from rankseg.apis.cli import add_config_arguments, config_from, plain_errors
from rankseg.apis.knn import BANKS
from rankseg.engine.checkpoint import trust_checkpoints


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="a .pth file of this toolbox or of a plain mmseg model")
    parser.add_argument(
        "--k", type=int, nargs="+", metavar="K", help="numbers of neighbours (default: 1 5 20)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="weigh a neighbour of similarity s by exp(s / T), usually 0.07 (default: one vote)",
    )
    parser.add_argument(
        "--bank",
        choices=BANKS,
        default="labeled",
        help="who votes: the labelled images, or all training images whose class is known",
    )
    parser.add_argument(
        "--network", choices=["student", "teacher"], help="default: the one that predicts"
    )
    parser.add_argument(
        "--tap", default="decode_head.pool", help="submodule whose output is the feature"
    )
    parser.add_argument("--out", metavar="FILE", help="write the numbers to this JSON file")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table."""
    args = parse_args(argv)
    with plain_errors(), trust_checkpoints(args.trust_checkpoint):
        if args.launcher != "none":
            raise ValueError("tools/knn.py runs in one process: leave out --launcher")
        metrics = apis.knn(
            config_from(args),
            args.checkpoint,
            k=args.k,
            temperature=args.temperature,
            bank=args.bank,
            network=args.network,
            tap=args.tap,
            out=args.out,
        )
    print("| | top-1 |\n| --- | ---: |")
    for name, value in metrics.items():
        print(f"| {name.replace('knn', 'k = ')} | {value:.2f} |")


if __name__ == "__main__":
    main()
