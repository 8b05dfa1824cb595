#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Evaluate the features of a checkpoint by nearest neighbors, linear probes and transfer.

python tools/evaluate_features.py CONFIG CHECKPOINT
python tools/evaluate_features.py CONFIG CHECKPOINT --knn 1 20 --probe 1% 10% all
python tools/evaluate_features.py CONFIG CHECKPOINT --bank labeled --knn 5 --temperature 0.07
python tools/evaluate_features.py CONFIG CHECKPOINT --transfer cifar100=data/cifar100 \\
    folder=data/flowers --size 224
python tools/evaluate_features.py CONFIG CHECKPOINT --tap decode_head.branches.projection \\
    --network teacher --purity 5 --ranks ranks.png

Features are cached in WORK_DIR/features, so later evaluations are fast.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rankseg import apis
from rankseg.engine.known_images import BANKS
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.training.command_line import add_config_arguments, config_from, exit_on_user_error


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="a .pth file of this toolbox or of a plain mmseg model")
    add = parser.add_argument
    add("--knn", type=int, nargs="*", metavar="K", help="numbers of neighbours (default: 1 20)")
    add(
        "--temperature",
        type=float,
        metavar="T",
        help="weigh a neighbour of similarity s by exp(s / T), usually 0.07 (default: one vote)",
    )
    add(
        "--probe",
        nargs="+",
        default=(),
        metavar="WHAT",
        help="train a linear classifier on the features of 'all', of the 'labeled', of a share of "
        "every class such as 1%%, or of a list of training images",
    )
    add(
        "--bank",
        choices=BANKS,
        default="all",
        help="who is known: all training images whose class is known, also those whose class is "
        "kept from training (default), or the labelled ones",
    )
    add("--fine", action="store_true", help="judge coarse classes by those that they are made of")
    add(
        "--transfer",
        nargs="+",
        default=(),
        metavar="KIND=FOLDER",
        help="classify other data sets by logistic regression: cifar10, cifar100, svhn, folder "
        "(FOLDER/train/CLASS, FOLDER/test/CLASS) or list (FOLDER/train.txt, FOLDER/test.txt)",
    )
    add("--size", type=int, metavar="PX", help="bring images of those to this size")
    add(
        "--purity",
        type=int,
        default=0,
        metavar="K",
        help="tell how pure and how far K constrained neighbours are (CMSF, Figure 5)",
    )
    add("--ranks", metavar="FILE", help="with --purity: draw the ranks (CMSF, Table 1 right)")
    add("--network", choices=["student", "teacher"], help="default: the one that predicts")
    add("--tap", default="decode_head.pool", help="submodule whose output is the feature")
    add("--seed", type=int, default=0, help="of the draws of images")
    add("--no-cache", action="store_true", help="neither keep features nor use those kept")
    add("--out", metavar="FILE", help="write the numbers to this JSON file")
    args = parser.parse_args(argv)
    if args.ranks and not args.purity:
        parser.error("--ranks draws what --purity counts: give --purity 5 too")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the results."""
    args = parse_args(argv)
    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        if args.launcher != "none":
            raise ValueError("tools/evaluate_features.py runs in one process: leave out --launcher")
        cfg = config_from(args)
        metrics = apis.evaluate_features(
            cfg,
            args.checkpoint,
            knn=args.knn,
            temperature=args.temperature,
            probes=args.probe,
            bank=args.bank,
            fine=args.fine,
            transfer=args.transfer,
            size=args.size,
            purity=args.purity,
            network=args.network,
            tap=args.tap,
            cache=None if args.no_cache else str(Path(cfg.work_dir) / "features"),
            seed=args.seed,
            out=args.out,
            ranks=args.ranks,
        )
    purity = metrics.pop("purity", {})
    print("| | % |\n| --- | ---: |")
    for name, value in metrics.items():
        print(f"| {name} | {value:.2f} |")
    if purity:
        print(f"| purity of the {args.purity} nearest | {purity['nearest']:.2f} |")
        print(f"| of the {args.purity} nearest of the constrained | {purity['constrained']:.2f} |")
        print(f"| of as many as the last of them is far | {purity['as_far']:.2f} |")
        print(f"\nThe median rank of the last of them is {purity['median_rank']:.0f}.")


if __name__ == "__main__":
    main()
