# SPDX-License-Identifier: Apache-2.0
"""Write a split in which confident predictions of a network become labels of unlabeled images.

Label the most confident 30%, then train a second stage on them and the labeled images:
  python tools/pseudo_label.py configs/cmsf/cifar10_mini_100_finetune.py CHECKPOINT \\
      --data-root PATH --share 0.3 --out splits/100_seed0_pseudo
  python tools/train.py configs/cmsf/cifar10_mini_100_finetune_again.py --data-root PATH \\
      --load-from CHECKPOINT
Label all images with a confidence of at least 90%:
  python tools/pseudo_label.py CONFIG CHECKPOINT --threshold 0.9 --out splits/sure
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_config_arguments,
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
    some = parser.add_mutually_exclusive_group(required=True)
    some.add_argument(
        "--share",
        type=float,
        help="fraction of the unlabeled images to label, the most confident first",
    )
    some.add_argument("--threshold", type=float, help="minimum probability of the predicted class")
    parser.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder of the new split, relative to the data root, for example splits/mine",
    )
    add_network_argument(parser)
    parser.add_argument("--force", action="store_true", help="replace existing lists")
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the lists and print their content."""
    args = parse_args(argv)
    from rankseg import apis

    with running(args, __name__):
        found = apis.pseudo_label(
            *trained_from(args),
            args.out,
            share=args.share,
            threshold=args.threshold,
            network=args.network,
            force=args.force,
        )
    print(found["table"])
    print(
        f"\nWrote {found['folder']}: labels of {found['images']} of {found['of']} unlabeled images "
        f"with a probability of at least {found['least']:.3f}."
    )
    if "accuracy" in found:
        print(f"{found['accuracy']:.2f}% of these labels are correct.")
