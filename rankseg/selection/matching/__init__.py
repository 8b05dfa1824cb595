# SPDX-License-Identifier: Apache-2.0
"""Matching parts of different images: keypoints, matches, files of matched pairs."""

from rankseg.selection.matching.pairs import MatchedPairs, load_pairs, save_pairs

__all__ = ["MatchedPairs", "load_pairs", "save_pairs"]
