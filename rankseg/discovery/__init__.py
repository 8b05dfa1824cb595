# SPDX-License-Identifier: Apache-2.0
"""Which unlabelled images are given a label: pure functions of features."""

from rankseg.discovery.confident import most_confident, nearest_centres
from rankseg.discovery.critical import critical_samples
from rankseg.discovery.evidence import Evidence, Select, Selection
from rankseg.discovery.schedule import Discovery, Schedule

__all__ = [
    "Discovery",
    "Evidence",
    "Schedule",
    "Select",
    "Selection",
    "critical_samples",
    "most_confident",
    "nearest_centres",
]
