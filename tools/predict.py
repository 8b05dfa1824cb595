#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Predict masks for an image, a folder of images or a TIFF stack."""

from rankseg.cli.predict import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
