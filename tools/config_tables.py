#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Write the published numbers of configs/*/metafile.yml into the tables of configs/README*.md.

python tools/config_tables.py            # rewrite the tables
python tools/config_tables.py --check    # exit with status 1 if a table is stale

A table cell that links to a config, such as `[71.6](rankmatch/voc_92.py)`, shows the first metric
of that config. The tool does not change links with text instead of a number, or links to a config
without a published number.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
CELL = re.compile(r"\[[\d.]+(?: \+- [\d.]+)?\]\((?P<name>[\w/.-]+)\.py\)")


def published(configs: Path = CONFIGS) -> dict[str, str]:
    """Return the first published metric of each config that has one, keyed by config name.

    Args:
        configs: Folder with ``METHOD/metafile.yml``.
    """
    numbers = {}
    for file in sorted(configs.glob("*/metafile.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["Models"]:
            metrics = model["Results"][0].get("Metrics")
            if metrics:
                numbers[model["Name"]] = str(next(iter(metrics.values())))
    return numbers


def fill(text: str, numbers: dict[str, str]) -> str:
    """Return a page with updated numbers in its table cells.

    Args:
        text: Markdown.
        numbers: Metrics by config name.
    """

    def cell(match: re.Match) -> str:
        number = numbers.get(match["name"])
        return match[0] if number is None else f"[{number}]({match['name']}.py)"

    lines = text.split("\n")
    return "\n".join(CELL.sub(cell, line) if line.startswith("|") else line for line in lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite the pages, or report stale ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="report stale tables without writing")
    args = parser.parse_args(argv)
    numbers, stale = published(), 0
    for page in sorted(CONFIGS.glob("README*.md")):
        old = page.read_text(encoding="utf-8")
        new = fill(old, numbers)
        if new == old:
            continue
        stale += 1
        print(
            f"{page.name} is stale. Run python tools/config_tables.py."
            if args.check
            else f"Wrote {page.name}."
        )
        if not args.check:
            page.write_text(new, encoding="utf-8")
    return int(args.check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
