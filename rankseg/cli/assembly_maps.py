# SPDX-License-Identifier: Apache-2.0
"""Draw the source of each point of a feature map, as in figure 5.4 of chapter 5 (SAN).

python tools/assembly_maps.py configs/san/omniglot_mini_supervised.py work_dirs/san/iter_1500.pth
python tools/assembly_maps.py CONFIG CHECKPOINT photos/a.jpg photos/more --out assembly.png

Each image gets a row: the image with its grid of points, its blocks rearranged like the network
rearranges its features, and the source weights of the points that move most (brighter is larger,
red is the maximum). Without images, the tool draws some of the config's validation images.
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
    add_config_arguments(parser, trained=True, inputs="[IMAGE ...]")
    parser.add_argument(
        "--out", metavar="FILE", help="picture to write (default: WORK_DIR/assembly_maps.png)"
    )
    add_default(parser, "--images", 6, "number of images")
    add_default(parser, "--points", 4, "number of points per image")
    add_network_argument(parser)
    return parse_trained(parser, argv, (0, None))


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture."""
    args = parse_args(argv)
    from rankseg.analysis.assembly_maps import assembly_maps

    with running(args):
        cfg, checkpoint = trained_from(args)
        file = assembly_maps(
            cfg,
            checkpoint,
            args.inputs,
            out=args.out or Path(cfg.work_dir) / "assembly_maps.png",
            images=args.images,
            points=args.points,
            network=args.network,
        )
    print(f"Wrote {file}.")
