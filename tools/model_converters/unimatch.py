#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Convert a released UniMatch or RankMatch checkpoint to our format, or ours to theirs."""

from rankseg.cli.unimatch import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
