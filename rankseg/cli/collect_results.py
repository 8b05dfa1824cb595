# SPDX-License-Identifier: Apache-2.0
"""Print a table of finished runs from the summary.json files in their work folders.

python tools/collect_results.py work_dirs
python tools/collect_results.py work_dirs/rankmatch work_dirs/unimatch --metric IoU/car
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rankseg.training.command_line import exit_on_user_error, make_parser

KEYS = ("config", "seed", "max_iters", "seconds", "last", "best")  # keys that the table needs
MAIN = ("mIoU", "top1", "recall1")  # main metrics of segmentation, classification and retrieval


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument(
        "folders", nargs="+", help="work folders, or folders that contain work folders"
    )
    parser.add_argument(
        "--metric",
        nargs="+",
        help=f"metrics to show, as named in summary.json (default: those of {', '.join(MAIN)} that "
        "the runs have)",
    )
    return parser.parse_args(argv)


def read_summaries(folders: Sequence[str]) -> list[tuple[Path, dict]]:
    """Read all summaries below the folders, sorted by path.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If a summary is damaged or has another format.
    """
    found = sorted({path for folder in folders for path in Path(folder).rglob("summary.json")})
    if not found:
        raise FileNotFoundError(
            f"Expected work folders of tools/train.py, but there is no summary.json in "
            f"{', '.join(folders)}. Name folders of runs that have validated."
        )
    from rankseg.utils.run_summary import read_summary

    return [(path.parent, read_summary(path, KEYS)) for path in found]


def table(runs: Sequence[tuple[Path, dict]], metrics: Sequence[str] | None = None) -> str:
    """Return a Markdown table with one row per run: last and best validation side by side.

    All metrics of the best column come from the validation with the best mIoU, top-1 or Recall@1,
    not from the best validation of each metric.
    """
    metrics = metrics or [m for m in MAIN if any(m in run["last"] for _, run in runs)]
    head = ["config", "seed", "iterations"]
    head += [f"{metric} {which}" for metric in metrics for which in ("last", "best")]
    rows = [[*head, "minutes"], ["---"] * (len(head) + 1)]
    for _, run in runs:
        last, best = run["last"], run["best"]
        row = [str(run["config"]), str(run["seed"]), f"{last['iteration']} of {run['max_iters']}"]
        first = next((metric for metric in metrics if metric in best), None)
        for metric in metrics:
            row.append(f"{last[metric]:.1f}" if metric in last else "-")
            at = f" at {best['iteration']}" if metric == first else ""
            row.append(f"{best[metric]:.1f}{at}" if metric in best else "-")
        rows.append([*row, f"{run['seconds'] / 60:.0f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    args = parse_args(argv)

    with exit_on_user_error():
        print(table(read_summaries(args.folders), args.metric))
