# SPDX-License-Identifier: Apache-2.0
"""Draw validation images with their ground truth and the predictions of several runs.

python tools/compare.py runs/supervised runs/unimatch runs/rankmatch --out compare.png
python tools/compare.py runs/supervised runs/rankmatch --pick differ --mark

Each image is a row, each run a column. --mark adds yellow frames where the last run is right and
the first is wrong.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import add_default, add_runs_arguments, make_parser, running


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="work folders, one column each")
    add_default(parser, "--out", "compare.png", "picture to write", metavar="FILE")
    add_default(parser, "--images", 5, "number of images")
    parser.add_argument(
        "--pick",
        choices=("even", "differ"),
        default="even",
        help="even: evenly spaced validation images; differ: those on which the runs differ most",
    )
    add_runs_arguments(parser)
    parser.add_argument(
        "--mark", action="store_true", help="frame areas where only the last run is right"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture."""
    args = parse_args(argv)
    from rankseg.report.compare import compare

    with running(args):
        out = compare(
            args.runs,
            args.out,
            images=args.images,
            pick=args.pick,
            which=args.checkpoint,
            mark=args.mark,
        )
        print(f"Wrote {out}.")
