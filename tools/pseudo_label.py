#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Write a split in which confident predictions of a network become labels of unlabeled images."""

from rankseg.cli.pseudo_label import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
