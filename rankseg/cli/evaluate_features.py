# SPDX-License-Identifier: Apache-2.0
"""Evaluate the features of a checkpoint by nearest neighbors, linear probes and transfer.

python tools/evaluate_features.py RUN
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

from rankseg.training.command_line import (
    add_config_arguments,
    add_default,
    add_network_argument,
    make_parser,
    parse_trained,
    running,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True)
    add = parser.add_argument
    add("--knn", type=int, nargs="*", metavar="K", help="numbers of neighbors (default: 1 20)")
    add(
        "--temperature",
        type=float,
        metavar="T",
        help="weight exp(s / T) of a neighbor with similarity s, "
        "usually 0.07 (default: equal weights)",
    )
    add(
        "--probe",
        nargs="+",
        default=(),
        metavar="WHAT",
        help="train a linear classifier on the features of 'all' images, of the 'labeled' ones, of "
        "a fraction of every class such as 1%%, or of a list of training images",
    )
    add(
        "--bank",
        choices=("labeled", "all"),
        default="all",
        help="images to search: all training images with a known class, even if training does not "
        "use it (default), or only the labeled ones",
    )
    add("--fine", action="store_true", help="evaluate coarse classes by their fine classes")
    add(
        "--transfer",
        nargs="+",
        default=(),
        metavar="KIND=FOLDER",
        help="classify other data sets by logistic regression: cifar10, cifar100, svhn, folder "
        "(FOLDER/train/CLASS, FOLDER/test/CLASS) or list (FOLDER/train.txt, FOLDER/test.txt)",
    )
    add("--size", type=int, metavar="PX", help="resize images of --transfer to this size")
    add(
        "--purity",
        type=int,
        default=0,
        metavar="K",
        help="report purity and distance of K constrained neighbors (CMSF, Figure 5)",
    )
    add("--ranks", metavar="FILE", help="with --purity: draw the ranks (CMSF, Table 1 right)")
    add_network_argument(parser)
    add("--tap", default="decode_head.pool", help="submodule whose output is used as feature")
    add_default(parser, "--seed", 0, "seed of the selected images", metavar=None)
    add("--no-cache", action="store_true", help="do not read or write cached features")
    add("--out", metavar="FILE", help="write the numbers to this JSON file")
    args = parse_trained(parser, argv)
    if args.ranks and not args.purity:
        parser.error("Expected --purity K with --ranks, but got none. Add --purity 5.")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the results."""
    args = parse_args(argv)
    from rankseg import apis

    with running(args, __name__):
        cfg, checkpoint = trained_from(args)
        metrics = apis.evaluate_features(
            cfg,
            checkpoint,
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
        k = args.purity
        print(f"| purity of the {k} nearest neighbors | {purity['nearest']:.2f} |")
        print(f"| purity of the {k} nearest constrained neighbors | {purity['constrained']:.2f} |")
        print(f"| purity of all neighbors up to the last of these | {purity['as_far']:.2f} |")
        print(f"\nMedian rank of the last constrained neighbor: {purity['median_rank']:.0f}.")
