# SPDX-License-Identifier: Apache-2.0
"""What the folder of a run says of it."""

from rankseg.runs.folder import Run, read_runs
from rankseg.runs.log import Scalars, read_machine, read_scalars, read_warnings

__all__ = ["Run", "Scalars", "read_machine", "read_runs", "read_scalars", "read_warnings"]
