#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Train a model from a config."""

from rankseg.cli.train import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
