#!/usr/bin/env python
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

from rankseg.analysis.sample_map import IMAGES, LIMIT, sample_map
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.training.command_line import add_config_arguments, config_from, exit_on_user_error
from rankseg.visualization.plane import WAYS


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="a .pth file of this toolbox or of a plain mmseg model")
    add = parser.add_argument
    add("--images", choices=IMAGES, default="train", help="which images (default: train)")
    add("--how", choices=WAYS, default="tsne", help="how features become points (default: tsne)")
    add(
        "--limit",
        type=int,
        default=LIMIT,
        metavar="N",
        help=f"at most so many unlabelled, or test, images (default: {LIMIT})",
    )
    add("--rows", nargs="+", default=(), metavar="CLASS", help="a row for each of these classes")
    add("--network", choices=["student", "teacher"], help="default: the one that predicts")
    add("--tap", default="decode_head.pool", help="submodule whose output is the feature")
    add("--seed", type=int, default=0, help="of the draw of images, and of t-SNE")
    add("--out", metavar="FILE", help="default: WORK_DIR/sample_map_IMAGES.png")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture."""
    args = parse_args(argv)
    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        if args.launcher != "none":
            raise ValueError("tools/sample_map.py runs in one process: leave out --launcher")
        cfg = config_from(args)
        file = sample_map(
            cfg,
            args.checkpoint,
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
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
