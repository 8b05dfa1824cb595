# SPDX-License-Identifier: Apache-2.0
"""Draw the attention of a network in two views of an image, to see if it moves with the image.

python tools/attention_maps.py configs/tac_ccl/cub_googlenet.py work_dirs/tac_ccl/X/iter_1.pth
python tools/attention_maps.py CONFIG CHECKPOINT photos/a.jpg photos/more --out attention.png

The second and the last column should look alike. Without images, the tool draws some of the
config's test images. The numbers are computed on more of them: the mean squared difference of both
maps at corresponding points, the same difference if the maps had not moved, and their correlation.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_config_arguments,
    add_default,
    make_parser,
    parse_trained,
    running,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True, inputs="[IMAGE ...]")
    add = parser.add_argument
    add_default(parser, "--out", "attention_maps.png", "picture to write", metavar="FILE")
    add_default(parser, "--images", 6, "number of images to draw")
    add_default(parser, "--count", 200, "number of images for the statistics")
    add("--tap", metavar="NAME", help="submodule that gives the attention map")
    add_default(parser, "--seed", 0, "seed of the views", metavar=None)
    return parse_trained(parser, argv, (0, None))


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture and the numbers."""
    args = parse_args(argv)
    from rankseg.analysis.attention_maps import attention_maps

    seed, args.seed = args.seed, None  # the seed draws the views; it does not override the config
    with running(args):
        numbers = attention_maps(
            *trained_from(args),
            args.inputs,
            out=args.out,
            images=args.images,
            count=args.count,
            tap=args.tap,
            seed=seed,
        )
    print(
        f"Wrote {args.out}. Mean squared difference of the attention of {numbers['images']} "
        f"images: {numbers['error']:.5f} at corresponding points, {numbers['unmoved']:.5f} at the "
        f"same points. Correlation: {numbers['correlation']:.3f}."
    )
