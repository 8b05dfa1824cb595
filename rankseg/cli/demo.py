# SPDX-License-Identifier: Apache-2.0
"""Train with few labels, with and without the unlabeled images, and compare the results.

python tools/demo.py                   # one seed, a few minutes on two CPU cores
python tools/demo.py --seeds 0 1 2     # what the README reports
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rankseg.training.command_line import exit_on_user_error, make_parser
from rankseg.utils.commands import spell_commands
from rankseg.utils.shipped_configs import PACKAGE, configs_folder

if TYPE_CHECKING:
    from rankseg.visualization.report import MethodResult

METHODS = {"supervised": "Supervised", "rankmatch": "RankMatch"}
ROWS = 4  # number of images in the panel


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        help="seeds of the runs; each seed determines images, weights "
        "and augmentation of both methods",
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo"))
    parser.add_argument("--data-dir", type=Path, default=Path("data/demo"))
    parser.add_argument(
        "--iters", type=int, help="number of training iterations (default: that of the config)"
    )
    return parser.parse_args(argv)


def start(command: str, *arguments: object, log: Path) -> subprocess.Popen:
    """Start a command of rankseg with its share of the cores; its output goes to a log file."""
    threads = max(1, (os.cpu_count() or 1) // len(METHODS))
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    path = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    env["PYTHONPATH"] = os.pathsep.join(path)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "rankseg", command, *map(str, arguments)],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=env,
        )


def finish(jobs: dict[Path, subprocess.Popen], update: Callable[[], None] = lambda: None) -> None:
    """Wait for jobs, keyed by log file; if one fails, stop the others and report the error.

    Args:
        jobs: The jobs.
        update: Function that shows their progress.
    """
    waiting = dict(jobs)
    try:
        while waiting:
            for log, job in list(waiting.items()):
                if job.poll() is None:
                    continue
                del waiting[log]
                if job.returncode:
                    tail = "\n".join(log.read_text().splitlines()[-15:])
                    raise SystemExit(f"{tail}\n{' '.join(job.args[2:5])} failed. See {log}.")
            update()
            time.sleep(0.2)
    finally:
        for job in waiting.values():
            job.terminate()


def run_seed(seed: int, args: argparse.Namespace) -> dict[str, "MethodResult"]:
    """Train both methods in parallel on the set of one seed, and evaluate the last weights."""
    from rankseg.demo.scenes import make_demo_set
    from rankseg.utils.watch_runs import WatchedRuns

    data = make_demo_set(args.data_dir / f"seed{seed}", seed=seed)
    folders = {name: args.work_dir / f"seed{seed}" / name for name in METHODS}
    common = ["--data-root", data.resolve()]
    length = []
    if args.iters:
        length = ["--cfg-options", f"train_cfg.max_iters={args.iters}"]
        length.append(f"train_cfg.val_interval={args.iters}")
    jobs, logs = {}, {METHODS[name]: folder / "train.txt" for name, folder in folders.items()}
    for name, folder in folders.items():
        log = folder / "train.txt"
        more = ["--work-dir", folder.resolve(), "--seed", seed, "--overwrite", *length]
        jobs[log] = start("train", config(name), *common, *more, log=log)
    with WatchedRuns(logs) as runs:
        finish(jobs, runs.update)
    print(f"Seed {seed}: testing the last weights of both.", flush=True)
    jobs = {}
    for folder in folders.values():
        log = folder / "test.txt"
        more = [folder.resolve() / "last", "--work-dir", folder.resolve() / "test"]
        more += ["--out", folder.resolve() / "metrics.json"]
        jobs[log] = start("test", *more, *common, log=log)
    finish(jobs)
    return {METHODS[name]: read_result(folder) for name, folder in folders.items()}


def config(name: str) -> str:
    """Return the path of the demo config of a method."""
    return str(configs_folder() / name / "demo.py")


def read_result(folder: Path) -> "MethodResult":
    """Read the results that training and evaluation wrote."""
    from rankseg.utils.run_summary import read_summary
    from rankseg.visualization.report import MethodResult

    summary = read_summary(folder / "summary.json")
    metrics = json.loads((folder / "metrics.json").read_text())
    return MethodResult(metrics, summary["best"]["mIoU"], summary["max_iters"], summary["seconds"])


def draw(folder: Path, path: Path) -> None:
    """Write the panel: image, ground truth and the prediction of each method."""
    from rankseg.demo.scene import CLASSES, PALETTE
    from rankseg.engine.pictures import write_picture
    from rankseg.report.run_folder import read_run
    from rankseg.report.run_predictions import RunPredictor
    from rankseg.visualization import color_map, draw_panel

    runs = [RunPredictor(read_run(folder / name, name)) for name in METHODS]
    rows = []
    for found in zip(*(run.predict(range(ROWS)) for run in runs), strict=True):
        maps = [found[0].truth, *(one.label for one in found)]
        rows.append([found[0].image, *(color_map(one, PALETTE) for one in maps)])
    titles = ["image", "truth", *METHODS.values()]
    write_picture(path, draw_panel(rows, titles, CLASSES, PALETTE))


def report(results: dict[int, dict[str, "MethodResult"]], minutes: float) -> str:
    """Return the report page, which contains only results measured in this run."""
    import torch

    from rankseg.demo.scenes import LABELED, UNLABELED, VAL
    from rankseg.visualization.report import class_table, seed_table, verdict

    names = list(METHODS.values())
    seeds = " ".join(map(str, results))
    iterations = next(iter(results.values()))[names[0]].iterations
    machine = f"{os.cpu_count()} CPU cores ({platform.machine()}), torch {torch.__version__}"
    return f"""# Demo: a few labels, with and without unlabeled images

{verdict(results, *names)}

The numbers are mIoU in percent of the last weights on {VAL} validation images, and in brackets the
best of all validations during training. Each method trains on {LABELED} labeled and {UNLABELED}
unlabeled images for {iterations:,} iterations from random weights. A seed determines images,
weights and augmentation.

{seed_table(results, names)}

{class_table(results, names)}

![image, truth, supervised, RankMatch](panel.png)

The picture shows seed {next(iter(results))}. Written by `make demo SEEDS="{seeds}"` in
{minutes:.1f} minutes on {machine}.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run every seed, then write the table and the picture."""
    args = parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finish` stops the jobs
    begin = time.monotonic()
    results = {}
    with exit_on_user_error():
        for seed in args.seeds:
            names = " and ".join(METHODS.values())
            print(f"Seed {seed}: training {names} at the same time.", flush=True)
            results[seed] = run_seed(seed, args)
    seed = args.seeds[0]
    draw(args.work_dir / f"seed{seed}", args.work_dir / "panel.png")
    from rankseg.training.next_steps import next_lines

    page = report(results, (time.monotonic() - begin) / 60)
    (args.work_dir / "results.md").write_text(page)
    print(page)
    print(f"Wrote {args.work_dir}/results.md and {args.work_dir}/panel.png.\n")
    print(spell_commands(next_lines(next_commands(args))))


def next_commands(args: argparse.Namespace) -> list[str]:
    """Return commands that look closer at the runs."""
    from rankseg.training.next_steps import spell

    runs = args.work_dir / f"seed{args.seeds[0]}"
    images = args.data_dir / f"seed{args.seeds[0]}" / "JPEGImages"
    run, out = runs / "rankmatch", args.work_dir / "predicted"
    return [
        spell("report", str(runs), "--out", str(args.work_dir / "report.html")),
        spell("predict", str(run), str(images), "--out", str(out)),
        spell("new_project", "--help"),
    ]
