# SPDX-License-Identifier: Apache-2.0
"""HTML page about runs that a browser shows without network access."""

from rankseg.report.page.page import render
from rankseg.report.page.seen import Picture, Seen, SideBySide

__all__ = ["Picture", "Seen", "SideBySide", "render"]
