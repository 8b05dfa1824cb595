# SPDX-License-Identifier: Apache-2.0
"""Hooks: what happens on a schedule."""

from rankseg.engine.hooks.ema_teacher import EMATeacherHook
from rankseg.engine.hooks.overlay import OverlayHook
from rankseg.engine.hooks.summary import SummaryHook

__all__ = ["EMATeacherHook", "OverlayHook", "SummaryHook"]
