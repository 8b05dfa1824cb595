#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Create a training config from a folder of your images and masks."""

from rankseg.cli.new_project import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
