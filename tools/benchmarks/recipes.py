#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Measure what unlabeled images gain on small real image sets, recipe by recipe.

A job is SET/RECIPE/SEED, for example kvasir/rankmatch/0; sets and recipes are in
rankseg/testing/recipes.py. All jobs of a set see the same images. A part of the unlabeled training
images is held out and has its labels, to choose settings by ("tune"). The validation list, or with
image-level classes the folder test, is tested once, with the last weights ("val"). Jobs that have a
result are skipped, so `run` resumes.

python tools/benchmarks/recipes.py run --data DIR --weights FILE --out DIR
python tools/benchmarks/recipes.py run --sets kvasir --recipes supervised linear --seeds 0 \\
    --data DIR --weights FILE --out DIR
python tools/benchmarks/recipes.py table DIR/results.jsonl --picture gains.png
python tools/benchmarks/recipes.py weights DIR/kvasir/splits/16/labeled.txt --data DIR/kvasir
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rankseg.testing.paired import draw, read_results, table
from rankseg.testing.recipe_jobs import Job, read_pairs, run_job, weights_of_masks
from rankseg.testing.recipes import (
    BASELINE,
    RECIPES_OF,
    SEEDS,
    SETS,
    TITLES,
    list_jobs,
)
from rankseg.training.command_line import exit_on_user_error


def run_all(args: argparse.Namespace) -> int:
    """Run the jobs that have no result yet, each in a process of its own.

    Returns:
        Number of jobs that failed.
    """
    failed = 0
    (args.out / "logs").mkdir(parents=True, exist_ok=True)
    for name in list_jobs(args.sets, args.recipes, args.seeds):
        if any(result["job"] == name for result in read_results(args.out / "results.jsonl")):
            continue
        log = args.out / "logs" / f"{name.replace('/', '-')}.log"
        command = [sys.executable, __file__, "one", name, "--data", str(args.data)]
        command += ["--weights", args.weights, "--out", str(args.out)]
        if args.iterations:
            command += ["--iterations", str(args.iterations)]
        print(f"{name} ...", flush=True)
        with log.open("w") as file:
            code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
        if code:
            failed += 1
            print(f"{name} failed with exit code {code}: see {log}", flush=True)
    return failed


def run_one(args: argparse.Namespace) -> int:
    """Run one job and append its result."""
    job = Job(args.job, args.data, args.weights, args.out, args.iterations)
    result = run_job(job, args.retest)
    with (args.out / "results.jsonl").open("a") as file:
        file.write(json.dumps(result) + "\n")
    return 0


def show(args: argparse.Namespace) -> int:
    """Print the table, and draw the picture."""
    results = [
        one
        for one in read_results(args.results)
        if one["recipe"] in (args.recipes or [one["recipe"]])
    ]
    if not results:
        raise ValueError(f"Expected results in {args.results}, but there are none for this choice.")
    print(table(results, args.part, args.baselines, TITLES))
    if args.picture:
        done = dict.fromkeys(one["recipe"] for one in results)
        recipes = [one for one in args.recipes or done if one != args.baselines[0]]
        draw(results, args.part, recipes, args.baselines[0], TITLES, args.picture)
    return 0


def show_weights(args: argparse.Namespace) -> int:
    """Print the class weights of the labeled images of a list."""
    names = args.data / "classes.txt"
    found = len(read_pairs(names)) if names.is_file() else 2
    masks = [args.data / pair[1] for pair in read_pairs(args.list) if len(pair) > 1]
    if not masks:
        raise ValueError(f"Expected images with masks in {args.list}, but there are none.")
    print(list(weights_of_masks(masks, args.classes or found, args.power)))
    return 0


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    names = (f"{kind}: {' '.join(known)}" for kind, known in RECIPES_OF.items())
    known = f"default: the main ones of each set. Sets of {'; '.join(names)}"
    for command, action, what in (
        ("run", run_all, "run all jobs that have no result"),
        ("one", run_one, "run one job"),
    ):
        sub = commands.add_parser(command, help=what)
        sub.set_defaults(action=action)
        if command == "run":
            sub.add_argument("--sets", nargs="+", default=list(SETS), help="default: all")
            sub.add_argument("--recipes", nargs="+", help=known)
            sub.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
        else:
            sub.add_argument("job", help="SET/RECIPE/SEED")
            sub.add_argument("--retest", action="store_true", help="do not train, only test")
        sub.add_argument("--data", type=Path, required=True, help="folder of the image sets")
        sub.add_argument("--weights", required=True, help="file of the encoder's weights")
        sub.add_argument("--out", type=Path, required=True, help="folder for runs and results")
        sub.add_argument("--iterations", type=int, help="length of a run (default: the config's)")
    sub = commands.add_parser("table", help="print means and paired differences")
    sub.set_defaults(action=show)
    sub.add_argument("results", type=Path, help="results.jsonl")
    sub.add_argument("--part", choices=("tune", "val"), default="tune")
    sub.add_argument("--recipes", nargs="+", help="recipes to show (default: all)")
    sub.add_argument("--baselines", nargs="+", default=[BASELINE])
    sub.add_argument("--picture", type=Path, help="picture to write, over the first baseline")
    sub = commands.add_parser("weights", help="print class weights for a list of labeled images")
    sub.set_defaults(action=show_weights)
    sub.add_argument("list", type=Path, help="list of images and masks")
    sub.add_argument("--data", type=Path, required=True, help="folder of the image set")
    sub.add_argument(
        "--classes", type=int, help="number of classes (default: of classes.txt, or 2)"
    )
    help_power = "power of the share; 0.25 for unlabeled_class_weight (default: 0.5)"
    sub.add_argument("--power", type=float, default=0.5, help=help_power)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run jobs, or print a table or weights."""
    args = parse_args(argv)
    with exit_on_user_error():
        return args.action(args)


if __name__ == "__main__":
    sys.exit(main())
