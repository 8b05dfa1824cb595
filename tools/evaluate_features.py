#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Evaluate the features of a checkpoint by nearest neighbors, linear probes and transfer."""

from rankseg.cli.evaluate_features import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
