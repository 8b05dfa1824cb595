# SPDX-License-Identifier: Apache-2.0
"""Discovery: selection of unlabeled images to label, as pure functions of features."""

from rankseg.selection.discovery.confident import most_confident, nearest_centers
from rankseg.selection.discovery.critical import critical_samples
from rankseg.selection.discovery.evidence import Evidence, Select, Selection
from rankseg.selection.discovery.schedule import Discovery, Schedule

__all__ = [
    "Discovery",
    "Evidence",
    "Schedule",
    "Select",
    "Selection",
    "critical_samples",
    "most_confident",
    "nearest_centers",
]
