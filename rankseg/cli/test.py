# SPDX-License-Identifier: Apache-2.0
"""Evaluate a checkpoint, overall and per class.

Reports mIoU, Dice and accuracy for segmentation, top-1 and top-5 accuracy and the confusion matrix
for classification, and Recall@K, R-precision and MAP@R for an embedding network.

python tools/test.py configs/rankmatch/voc_92.py work_dirs/rankmatch/voc_92/iter_104880.pth
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_config_arguments,
    config_from,
    exit_on_user_error,
    make_parser,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser)
    parser.add_argument(
        "checkpoint", help="checkpoint of rankseg or of a plain MMSegmentation model"
    )
    parser.add_argument("--out", metavar="FILE", help="write the metrics to this JSON file")
    parser.add_argument(
        "--show-dir",
        metavar="DIR",
        help="draw image, ground truth and prediction of every test image into this new folder; "
        "for a classifier, draw one page of images with the misclassified ones first",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate the checkpoint."""
    args = parse_args(argv)
    from rankseg import apis
    from rankseg.engine.distributed import propagate_failure
    from rankseg.engine.resilience.checkpoint import trust_checkpoints

    with propagate_failure(), exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        cfg = config_from(args)
        apis.test(cfg, args.checkpoint, out=args.out, show_dir=args.show_dir)
