#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Draw, import or check labeled/unlabeled split lists below DATA_ROOT/splits."""

from rankseg.cli.make_splits import main, parse_args

__all__ = ["main", "parse_args"]

if __name__ == "__main__":
    main()
