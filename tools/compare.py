#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw validation images with their ground truth and the predictions of several runs."""

from rankseg.cli.compare import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
