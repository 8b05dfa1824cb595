# SPDX-License-Identifier: Apache-2.0
"""Draw a map of labeled, discovered and wrongly discovered images by the features of a run.

python tools/sample_map.py CONFIG CHECKPOINT
python tools/sample_map.py CONFIG CHECKPOINT --rows cat dog --how pca      # two classes in rows
python tools/sample_map.py CONFIG CHECKPOINT --images test                 # test images by class

Each column is a discovery step of the last generation; a run without discovery has one column.
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
    add(
        "--images",
        choices=("train", "test"),
        default="train",
        help="images to draw (default: train)",
    )
    add(
        "--how",
        choices=("pca", "tsne"),
        default="tsne",
        help="projection of features to the plane (default: tsne)",
    )
    add_default(parser, "--limit", 2000, "maximum number of unlabeled or test images")
    add(
        "--rows",
        nargs="+",
        default=(),
        metavar="CLASS",
        help="classes to draw in separate rows",
    )
    add_network_argument(parser)
    add("--tap", default="decode_head.pool", help="submodule whose output is used as feature")
    add_default(parser, "--seed", 0, "seed of the selected images and of t-SNE", metavar=None)
    add("--out", metavar="FILE", help="picture to write (default: WORK_DIR/sample_map_IMAGES.png)")
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture."""
    args = parse_args(argv)
    from rankseg.analysis.sample_map import sample_map

    with running(args, __name__):
        cfg, checkpoint = trained_from(args)
        file = sample_map(
            cfg,
            checkpoint,
            out=args.out or Path(cfg.work_dir) / f"sample_map_{args.images}.png",
            images=args.images,
            how=args.how,
            limit=args.limit,
            rows=args.rows,
            network=args.network,
            tap=args.tap,
            seed=args.seed,
            cache=str(Path(cfg.work_dir) / "features"),
        )
    print(f"Wrote {file}.")
