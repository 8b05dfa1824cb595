# SPDX-License-Identifier: Apache-2.0
"""Figures of data, predictions, features and training runs."""

from rankseg.visualization.contact_sheet import draw_contact_sheet
from rankseg.visualization.curves import draw_pseudo_labels, draw_weights
from rankseg.visualization.overlay import color_map, draw_overlay
from rankseg.visualization.panel import draw_panel
from rankseg.visualization.plane import to_plane
from rankseg.visualization.sample_map import (
    SampleKind,
    SampleMap,
    draw_sample_map,
    draw_sample_maps,
)

__all__ = [
    "SampleKind",
    "SampleMap",
    "color_map",
    "draw_contact_sheet",
    "draw_overlay",
    "draw_panel",
    "draw_pseudo_labels",
    "draw_sample_map",
    "draw_sample_maps",
    "draw_weights",
    "to_plane",
]
