# SPDX-License-Identifier: Apache-2.0
"""Pictures of what a model sees."""

from rankseg.visualization.overlay import colour_map, draw_overlay
from rankseg.visualization.panel import draw_panel

__all__ = ["colour_map", "draw_overlay", "draw_panel"]
