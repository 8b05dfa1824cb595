#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Export a trained network to a folder that mmseg opens without this package."""

from rankseg.cli.to_mmseg import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
