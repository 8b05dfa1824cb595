#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw a map of labeled, discovered and wrongly discovered images by the features of a run."""

from rankseg.cli.sample_map import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
