#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw the images that an embedding network retrieves: queries blue, wrong ones red."""

from rankseg.cli.retrieve import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
