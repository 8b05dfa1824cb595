# SPDX-License-Identifier: Apache-2.0
"""Methods: which views go through the student, and which losses compare them."""

from rankseg.models.methods.base import Method
from rankseg.models.methods.fixmatch import FixMatch
from rankseg.models.methods.rankmatch import RankMatch
from rankseg.models.methods.supervised import Supervised
from rankseg.models.methods.unimatch import UniMatch

__all__ = ["FixMatch", "Method", "RankMatch", "Supervised", "UniMatch"]
