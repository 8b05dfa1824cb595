# SPDX-License-Identifier: Apache-2.0
"""Match parts of training images with those of other images of the same cluster (TAC-CCL).

python tools/match_images.py configs/metric_learning/cub_googlenet.py CHECKPOINT
python tools/match_images.py CONFIG CHECKPOINT --out matches.npz --least 12 --workers 8

configs/tac_ccl/cub_googlenet.py trains with the pairs of the baseline as they are written by the
first command. Name the file for other configs:

python tools/train.py CONFIG --work-dir DIR --cfg-options \\
    train_dataloader.dataset.labeled_pipeline.1.matches=matches.npz

The tool writes a picture of some pairs and the statistics next to the file of pairs. It caches
keypoints in the work folder: after an interruption, or with other clusters, they are not detected
again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rankseg.training.command_line import (
    add_config_arguments,
    add_default,
    make_parser,
    parse_trained,
    running,
    trained_from,
)

NUMBERS = {  # name: default, metavar, help
    "top": (2, "N", "number of matches that each image keeps"),
    "nearest": (10, "N", "number of images of the same cluster to compare each image with"),
    "least": (8, "N", "minimum number of agreeing keypoints of a pair"),
    "ratio": (
        0.8,
        "R",
        "maximum ratio of the distances to the nearest and the second nearest keypoint",
    ),
    "tolerance": (0.04, "T", "maximum position error of keypoints, in half sides of an image"),
    "side": (160, "PIXELS", "longer side that images are resized to"),
    "tilts": (3, "N", "number of simulated tilts; 0 is plain SIFT"),
    "limit": (600, "N", "maximum number of keypoints per image"),
    "keep": (32, "N", "maximum number of keypoints to write per pair"),
    "shown": (12, "N", "number of pairs in the picture"),
    "workers": (1, "N", "number of threads"),
    "seed": (0, "N", "seed of k-means"),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True)
    parser.add_argument(
        "--out", metavar="FILE", help="file to write (default: WORK_DIR/matches.npz)"
    )
    parser.add_argument(
        "--clusters",
        type=int,
        metavar="K",
        help="number of k-means clusters to use instead of those of the checkpoint",
    )
    for name, (default, metavar, text) in NUMBERS.items():
        add_default(parser, f"--{name}", default, text, metavar)
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the pairs, the picture and the statistics."""
    args = parse_args(argv)
    from rankseg.analysis.match_images import match_images

    options = {name: getattr(args, name) for name in (*NUMBERS, "clusters")}
    args.seed = None  # the seed is for k-means; it does not override the config
    with running(args, __name__):
        cfg, checkpoint = trained_from(args)
        folder = Path(cfg.work_dir)
        out = Path(args.out or folder / "matches.npz")
        cache = folder / "features"
        numbers = match_images(cfg, checkpoint, out=out, cache=cache, **options)
    print(f"{numbers['pairs']} pairs match {numbers['matched']} of {numbers['images']} images.")
    if numbers["true"] is not None:
        print(
            f"Pairs of one class: {numbers['true_in_clusters']:.1f}% of all pairs within clusters"
        )
    for row in numbers["by_score"]:
        print(f"  {row['true']:.1f}% of {row['pairs']} pairs with --least {row['least']}")
    print(f"Wrote {out}.")
