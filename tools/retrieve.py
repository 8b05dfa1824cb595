#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw the images that an embedding network retrieves: queries blue, wrong ones red.

python tools/retrieve.py CONFIG CHECKPOINT
python tools/retrieve.py CONFIG CHECKPOINT --random                   # beside random weights
python tools/retrieve.py CONFIG CHECKPOINT --beside OTHER_CONFIG OTHER_CHECKPOINT
python tools/retrieve.py CONFIG CHECKPOINT --queries photo.jpg --gallery holiday_photos

Writes queries.png, worst.png (queries with the worst results), changes.png (largest differences
between two networks) and retrieval.json (Recall@K and the content of the pictures). Classifiers
work too: the tool compares their pooled features. It caches features in WORK_DIR/features.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rankseg.analysis.retrieve import Contender, retrieve
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.report.run_folder import short_names
from rankseg.training.command_line import add_config_arguments, config_from, exit_on_user_error
from rankseg.training.config import load_config

RANDOM = "random weights"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    add = parser.add_argument
    add(
        "checkpoint",
        nargs="?",
        help="a .pth file of this toolbox or of a plain mmseg model; none with --random alone",
    )
    add(
        "--beside",
        nargs=2,
        action="append",
        default=[],
        metavar=("CONFIG", "CHECKPOINT"),
        help="another network, in a row below; may be repeated",
    )
    add("--random", action="store_true", help="put the network with random weights first")
    add("--names", nargs="+", metavar="NAME", help="of the networks, without that of --random")
    add(
        "--queries",
        nargs="+",
        default=(),
        metavar="IMAGE",
        help="images or folders of images to ask about (default: the gallery itself)",
    )
    add(
        "--gallery",
        metavar="DIR",
        help="folder of images of any kind to search (default: the test images of the config)",
    )
    add("--neighbours", type=int, default=10, metavar="K", help="images for a query (default: 10)")
    add("--rows", type=int, default=8, metavar="N", help="queries in a picture (default: 8)")
    add("--network", choices=["student", "teacher"], help="default: the one that predicts")
    add("--tap", help="submodule whose output is compared (default: the embedding)")
    add("--no-cache", action="store_true", help="neither keep features nor use those kept")
    add("--out", metavar="DIR", help="default: WORK_DIR/retrieval")
    args = parser.parse_args(argv)
    if args.checkpoint is None and not args.random:
        parser.error("give the CHECKPOINT of a run, or --random to see what no training finds")
    count = (args.checkpoint is not None) + len(args.beside)
    if args.names and len(args.names) != count:
        parser.error(f"--names gives {len(args.names)} names for {count} checkpoints")
    return args


def contenders(args: argparse.Namespace) -> list[Contender]:
    """Return the networks in row order."""
    first = config_from(args)
    pairs = [(first, args.checkpoint)] if args.checkpoint else []
    for config, checkpoint in args.beside:
        other = load_config(config, data_root=args.data_root, split_root=args.split_root)
        pairs.append((other, checkpoint))
    names = args.names or default_names(pairs)
    found = [Contender(name, *pair) for name, pair in zip(names, pairs, strict=True)]
    return [Contender(RANDOM, first, None), *found] if args.random else found


def default_names(pairs: Sequence[tuple]) -> list[str]:
    """Return the names of the configs or, for one config, those of the checkpoints."""
    configs = [Path(cfg.config_file).with_suffix("") for cfg, _ in pairs]
    alike = len(set(configs)) < len(configs)
    return short_names([Path(file).with_suffix("") for _, file in pairs] if alike else configs)


def main(argv: Sequence[str] | None = None) -> None:
    """Write pictures and numbers, and print the numbers."""
    args = parse_args(argv)
    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        if args.launcher != "none":
            raise ValueError("tools/retrieve.py runs in one process: leave out --launcher")
        asked = contenders(args)
        out = Path(args.out or Path(asked[0].cfg.work_dir) / "retrieval")
        result = retrieve(
            asked,
            out=out,
            queries=args.queries,
            gallery=args.gallery,
            k=args.neighbours,
            rows=args.rows,
            network=args.network,
            tap=args.tap,
            keep=not args.no_cache,
        )
    print(table(result["networks"]))
    print(f"\nwrote {', '.join(f'{out / name}.png' for name in result['pictures'])}")


def table(networks: dict[str, dict]) -> str:
    """Format the numbers as Markdown; a sentence if no class is known."""
    rows = {
        name: {key: value for key, value in one.items() if isinstance(value, float)}
        for name, one in networks.items()
    }
    keys = list(next(iter(rows.values())))
    if not keys:
        return "no class of a query is known: there is no Recall@K"
    lines = [f"| % | {' | '.join(keys)} |", f"| --- {'| ---: ' * len(keys)}|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{row[key]:.2f}' for key in keys)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
