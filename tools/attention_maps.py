#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw the attention of a network in two views of an image, to see if it moves with the image."""

from rankseg.cli.attention_maps import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
