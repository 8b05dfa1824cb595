#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Create an HTML page about one or several runs; it opens in any browser, without network."""

from rankseg.cli.report import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
