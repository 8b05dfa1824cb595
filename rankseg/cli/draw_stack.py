# SPDX-License-Identifier: Apache-2.0
"""Draw stacks that look like electron microscopy, with ground truth, for experiments.

python tools/draw_stack.py --out data/drawn

Writes training.tif and testing.tif with gray pages, and for each NAME_groundtruth.tif with 255
inside mitochondria and 0 elsewhere. The files are named like those of the Lucchi data set. See
docs/tutorial.md.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import add_default, exit_on_user_error, make_parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="output folder, which must be new or empty"
    )
    add_default(parser, "--pages", 165, "number of training pages")
    add_default(parser, "--test-pages", 20, "number of test pages")
    add_default(parser, "--size", 256, "side of a page", metavar="PIXELS")
    add_default(parser, "--seed", 0, "random seed; each seed draws different tissue", metavar=None)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw both stacks."""
    args = parse_args(argv)
    from rankseg.demo.stack import make_demo_stacks

    with exit_on_user_error():
        print(f"Wrote {make_demo_stacks(**vars(args))}.")
