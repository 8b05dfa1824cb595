#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Convert TIFF stacks, from the Lucchi data set or your own, to a folder for training."""

from rankseg.cli.lucchi import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
