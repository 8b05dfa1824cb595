#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Train with few labels, with and without the unlabeled images, and compare the results."""

from rankseg.cli.demo import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
