# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch: its loss, and labels that a master discovers."""

from rankseg.models.methods.mastered import Mastered
from rankseg.models.methods.mixmatch import MixMatch
from rankseg.registry import MODELS


@MODELS.register_module()
class SnowballMixMatch(Mastered, MixMatch):
    """MixMatch on labelled and discovered images; the master discovers, and guides nothing.

    The paper says that augmentation and loss of MixMatch train the student, so its consistency with
    the master is not added. Discovered are images that are confident but far from their class
    centre (``select=dict(type="nearest_centres", keep="far")`` of
    :class:`~rankseg.engine.hooks.DiscoveryHook`): the nearest are too much like the labelled
    ones, with which MixMatch mixes all images anyway.

    Args:
        master: See :class:`~rankseg.models.methods.mastered.Mastered`.
        **kwargs: Of :class:`~rankseg.models.methods.mixmatch.MixMatch`.

    Source: Snowball (dissertation "Learning with few labels", chapter 2), section 2.4.1 (4).
    """
