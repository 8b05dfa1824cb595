#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw the agents of images and the areas that are similar to them, as in figure 5 of RankMatch."""

from rankseg.cli.agent_maps import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
