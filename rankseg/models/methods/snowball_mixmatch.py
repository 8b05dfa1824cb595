# SPDX-License-Identifier: Apache-2.0
"""Snowball with MixMatch: the MixMatch loss, and labels discovered by a master."""

from rankseg.models.methods.mastered import Mastered
from rankseg.models.methods.mixmatch import MixMatch
from rankseg.registry import MODELS


@MODELS.register_module()
class SnowballMixMatch(Mastered, MixMatch):
    """MixMatch on labeled and discovered images; the master only discovers images.

    According to the paper, augmentation and loss of MixMatch train the student, so no consistency
    with the master is added. Discovered images are confident but far from their class center
    (``select=dict(type="nearest_centres", keep="far")`` of
    :class:`~rankseg.engine.hooks.DiscoveryHook`). The nearest images are too similar to the labeled
    ones, with which MixMatch mixes all images anyway.

    Args:
        master: See :class:`~rankseg.models.methods.mastered.Mastered`.
        **kwargs: Arguments of :class:`~rankseg.models.methods.mixmatch.MixMatch`.

    Source: Snowball (dissertation "Learning with few labels", chapter 2), section 2.4.1 (4).
    """
