#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw stacks that look like electron microscopy, with ground truth, for experiments.

python tools/draw_stack.py --out data/drawn

Writes training.tif and testing.tif with gray pages, and for each NAME_groundtruth.tif with 255
inside mitochondria and 0 elsewhere. The files are named like those of the Lucchi data set. See
docs/tutorial.md.
"""

import argparse
from collections.abc import Sequence

from rankseg.demo.stack import PAGES, SIZE, TEST_PAGES, make_demo_stacks
from rankseg.training.command_line import exit_on_user_error


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="output folder, which must be new or empty"
    )
    parser.add_argument(
        "--pages",
        type=int,
        default=PAGES,
        metavar="N",
        help=f"number of training pages (default: {PAGES})",
    )
    parser.add_argument(
        "--test-pages",
        type=int,
        default=TEST_PAGES,
        metavar="N",
        help=f"number of test pages (default: {TEST_PAGES})",
    )
    parser.add_argument(
        "--size", type=int, default=SIZE, metavar="PIXELS", help=f"side of a page (default: {SIZE})"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="random seed; each seed draws different tissue (default: 0)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw both stacks."""
    with exit_on_user_error():
        print(f"Wrote {make_demo_stacks(**vars(parse_args(argv)))}.")


if __name__ == "__main__":
    main()
