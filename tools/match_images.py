#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Match parts of training images with those of other images of the same cluster (TAC-CCL)."""

from rankseg.cli.match_images import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
