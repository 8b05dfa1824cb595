#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw stacks that look like electron microscopy, with ground truth, for experiments."""

from rankseg.cli.draw_stack import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
