#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Write generated images for list entries of a config that have no file (yet)."""

from rankseg.cli.fill_missing import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
