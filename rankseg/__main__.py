# SPDX-License-Identifier: Apache-2.0
"""``python -m rankseg`` and ``torchrun -m rankseg``."""

import sys

from rankseg.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
