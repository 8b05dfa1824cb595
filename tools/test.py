#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Evaluate a checkpoint, overall and per class."""

from rankseg.cli.test import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
