# SPDX-License-Identifier: Apache-2.0
"""Draw the images that an embedding network retrieves: queries blue, wrong ones red.

python tools/retrieve.py RUN
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
from typing import TYPE_CHECKING

from rankseg.training.command_line import (
    add_config_arguments,
    add_default,
    add_network_argument,
    make_parser,
    parse_trained,
    running,
    trained_from,
)
from rankseg.utils.run_arguments import CONFIGS

if TYPE_CHECKING:
    from rankseg.analysis.retrieve import Contender

RANDOM = "random weights"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True)
    add = parser.add_argument
    add(
        "--beside",
        nargs=2,
        action="append",
        default=[],
        metavar=("CONFIG", "CHECKPOINT"),
        help="another network to compare, shown in the row below; can be repeated. Also RUN and "
        "last or best",
    )
    add(
        "--random",
        action="store_true",
        help="also show the network with random weights, in the first row",
    )
    add("--names", nargs="+", metavar="NAME", help="names of the networks, except that of --random")
    add(
        "--queries",
        nargs="+",
        default=(),
        metavar="IMAGE",
        help="query images or folders of images (default: the gallery itself)",
    )
    add(
        "--gallery",
        metavar="DIR",
        help="folder of images to search (default: the test images of the config)",
    )
    add_default(parser, "--neighbors", 10, "number of retrieved images per query", metavar="K")
    add(
        "--neighbours",
        dest="neighbors",
        type=int,
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
    add_default(parser, "--rows", 8, "number of queries per picture")
    add_network_argument(parser)
    add("--tap", help="submodule whose output is used as feature (default: the embedding)")
    add("--no-cache", action="store_true", help="do not read or write cached features")
    add("--out", metavar="DIR", help="output folder (default: WORK_DIR/retrieval)")
    args = parse_trained(parser, argv, needs_checkpoint=False)
    given = args.checkpoint is not None or not args.config.endswith(CONFIGS)
    if not given and not args.random:
        parser.error("Expected a checkpoint, --random, or both, but got neither. Add one of them.")
    count = given + len(args.beside)
    if args.names and len(args.names) != count:
        parser.error(
            f"Expected {count} --names, one per checkpoint, but got {len(args.names)}. Change "
            "--names."
        )
    return args


def contenders(args: argparse.Namespace) -> list["Contender"]:
    """Return the networks in row order."""
    from rankseg.analysis.retrieve import Contender
    from rankseg.training.config import load_config
    from rankseg.training.run_reference import find_checkpoint
    from rankseg.utils.run_arguments import parse_run

    first, checkpoint = trained_from(args)
    pairs = [(first, checkpoint)] if checkpoint else []
    for config, checkpoint in args.beside:
        other = load_config(config, data_root=args.data_root, split_root=args.split_root)
        run = parse_run(config) is not None
        file = find_checkpoint(config, checkpoint) if run else find_checkpoint(checkpoint)
        pairs.append((other, file))
    names = args.names or default_names(pairs)
    found = [Contender(name, *pair) for name, pair in zip(names, pairs, strict=True)]
    return [Contender(RANDOM, first, None), *found] if args.random else found


def default_names(pairs: Sequence[tuple]) -> list[str]:
    """Return the names of the configs or, for one config, those of the checkpoints."""
    from rankseg.report.run_folder import short_names

    configs = [Path(cfg.config_file).with_suffix("") for cfg, _ in pairs]
    alike = len(set(configs)) < len(configs)
    return short_names([Path(file).with_suffix("") for _, file in pairs] if alike else configs)


def main(argv: Sequence[str] | None = None) -> None:
    """Write pictures and numbers, and print the numbers."""
    args = parse_args(argv)
    from rankseg.analysis.retrieve import retrieve

    with running(args, __name__):
        asked = contenders(args)
        out = Path(args.out or Path(asked[0].cfg.work_dir) / "retrieval")
        result = retrieve(
            asked,
            out=out,
            queries=args.queries,
            gallery=args.gallery,
            k=args.neighbors,
            rows=args.rows,
            network=args.network,
            tap=args.tap,
            keep=not args.no_cache,
        )
    print(table(result["networks"]))
    print(f"\nWrote {', '.join(f'{out / name}.png' for name in result['pictures'])}.")


def table(networks: dict[str, dict]) -> str:
    """Format the numbers as Markdown; a sentence if no class is known."""
    rows = {
        name: {key: value for key, value in one.items() if isinstance(value, float)}
        for name, one in networks.items()
    }
    keys = list(next(iter(rows.values())))
    if not keys:
        return "Recall@K is not available, as no class of a query is known."
    lines = [f"| % | {' | '.join(keys)} |", f"| --- {'| ---: ' * len(keys)}|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{row[key]:.2f}' for key in keys)} |")
    return "\n".join(lines)
