#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Export a trained network to one ONNX file for any batch and image size."""

from rankseg.cli.export_onnx import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
