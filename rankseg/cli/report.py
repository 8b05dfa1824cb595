# SPDX-License-Identifier: Apache-2.0
"""Create an HTML page about one or several runs; it opens in any browser, without network.

python tools/report.py work_dirs/rankmatch/em_mito_2
python tools/report.py runs/supervised runs/rankmatch --out comparison.html

It contains results, warnings of the logs, curves, IoU of each class, confusion, best and worst
validation images, and the settings that differ between the runs. For confusion and images, the last
weights of each run predict its validation set, as in validation; --no-predict skips this.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import add_default, add_runs_arguments, make_parser, running


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="work folders, or folders that contain some"
    )
    add_default(parser, "--out", "report.html", "page to write", metavar="FILE")
    parser.add_argument(
        "--no-predict", action="store_true", help="only use the logs; do not predict images"
    )
    add_runs_arguments(parser)
    parser.add_argument(
        "--images",
        type=int,
        metavar="N",
        help="predict N evenly spaced validation images instead of all",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    args = parse_args(argv)
    from rankseg.report.report import report

    with running(args):
        out = report(
            args.runs,
            args.out,
            predict=not args.no_predict,
            which=args.checkpoint,
            images=args.images,
        )
        print(f"Wrote {out}. Open it in a browser.")
