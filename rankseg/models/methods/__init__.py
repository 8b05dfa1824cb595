# SPDX-License-Identifier: Apache-2.0
"""Training methods: the views that run through the student, and the losses on them."""

from rankseg.models.methods.base import Method
from rankseg.models.methods.cct import CCT
from rankseg.models.methods.cmsf import CMSF
from rankseg.models.methods.cps import CPS
from rankseg.models.methods.fixmatch import FixMatch
from rankseg.models.methods.label_propagation import LabelPropagation
from rankseg.models.methods.lmcs import LMCS
from rankseg.models.methods.mean_teacher import MeanTeacher
from rankseg.models.methods.metric_learning import MetricLearning
from rankseg.models.methods.mixmatch import MixMatch
from rankseg.models.methods.prevmatch import PrevMatch
from rankseg.models.methods.rankmatch import RankMatch
from rankseg.models.methods.rotation import Rotation
from rankseg.models.methods.simmatch import SimMatch
from rankseg.models.methods.snowball import Snowball, SnowballMixMatch
from rankseg.models.methods.supervised import Supervised
from rankseg.models.methods.supervised_embedding import ProtoNet, SupCon
from rankseg.models.methods.tac_ccl import TACCCL
from rankseg.models.methods.unimatch import UniMatch
from rankseg.models.methods.unimatch_v2 import UniMatchV2

__all__ = [
    "CCT",
    "CMSF",
    "CPS",
    "FixMatch",
    "LMCS",
    "LabelPropagation",
    "MeanTeacher",
    "Method",
    "MetricLearning",
    "MixMatch",
    "PrevMatch",
    "ProtoNet",
    "RankMatch",
    "Rotation",
    "SimMatch",
    "Snowball",
    "SnowballMixMatch",
    "SupCon",
    "Supervised",
    "TACCCL",
    "UniMatch",
    "UniMatchV2",
]
