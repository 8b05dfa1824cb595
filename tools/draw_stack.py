#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw stacks that look like electron microscopy, with the truth, to try things out on.

python tools/draw_stack.py --out data/drawn

Leaves training.tif and testing.tif, grey pages, and of each NAME_groundtruth.tif, 0 and 255 inside
of mitochondria: the file names of the Lucchi set. For docs/tutorial.md.
"""

import argparse
from collections.abc import Sequence

from rankseg.demo.stack import PAGES, SIZE, TEST_PAGES, make_demo_stacks
from rankseg.training.command_line import plain_errors


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="new folder to write")
    parser.add_argument(
        "--pages", type=int, default=PAGES, metavar="N", help=f"to train on (default: {PAGES})"
    )
    parser.add_argument(
        "--test-pages",
        type=int,
        default=TEST_PAGES,
        metavar="N",
        help=f"of the testing stack (default: {TEST_PAGES})",
    )
    parser.add_argument(
        "--size", type=int, default=SIZE, metavar="PIXELS", help=f"of a page (default: {SIZE})"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other tissue")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw both stacks."""
    with plain_errors():
        print(f"{make_demo_stacks(**vars(parse_args(argv)))} is written")


if __name__ == "__main__":
    main()
