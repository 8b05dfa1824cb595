#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw the source of each point of a feature map, as in figure 5.4 of chapter 5 (SAN)."""

from rankseg.cli.assembly_maps import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
