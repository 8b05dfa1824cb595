#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Print a table of finished runs from the summary.json files in their work folders."""

from rankseg.cli.collect_results import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
