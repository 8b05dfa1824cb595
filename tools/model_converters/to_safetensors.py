#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Export the weights of a trained network to a safetensors file."""

from rankseg.cli.to_safetensors import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
