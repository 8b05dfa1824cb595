# SPDX-License-Identifier: Apache-2.0
"""Evaluate a checkpoint, overall and per class.

Reports mIoU, Dice and accuracy for segmentation, top-1 and top-5 accuracy and the confusion matrix
for classification, and Recall@K, R-precision and MAP@R for an embedding network.

python tools/test.py work_dirs/rankmatch/voc_92                  # the best checkpoint of a run
python tools/test.py work_dirs/rankmatch/voc_92/last             # the last one
python tools/test.py configs/rankmatch/voc_92.py checkpoint.pth  # of any other file
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_config_arguments,
    make_parser,
    parse_trained,
    running,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True)
    parser.add_argument("--out", metavar="FILE", help="write the metrics to this JSON file")
    parser.add_argument(
        "--show-dir",
        metavar="DIR",
        help="draw image, ground truth and prediction of every test image into this new folder; "
        "for a classifier, draw one page of images with the misclassified ones first",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show all log messages on the terminal, not only in the log file",
    )
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate the checkpoint."""
    args = parse_args(argv)
    from rankseg import apis
    from rankseg.engine.distributed import propagate_failure

    with propagate_failure(), running(args):
        cfg, checkpoint = trained_from(args)
        apis.test(cfg, checkpoint, out=args.out, show_dir=args.show_dir, verbose=args.verbose)
