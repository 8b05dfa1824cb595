# SPDX-License-Identifier: Apache-2.0
"""Hooks that run at fixed points of training, validation and testing."""

from rankseg.engine.hooks.base import FeatureHook
from rankseg.engine.hooks.cluster import ClusterHook
from rankseg.engine.hooks.composition import CompositionHook
from rankseg.engine.hooks.contact_sheet import ContactSheetHook
from rankseg.engine.hooks.curves import CurvesHook
from rankseg.engine.hooks.discovery import DiscoveryHook
from rankseg.engine.hooks.early_stopping import EarlyStoppingHook
from rankseg.engine.hooks.ema_teacher import EMATeacherHook
from rankseg.engine.hooks.feature_evaluation import FeatureEvaluationHook
from rankseg.engine.hooks.feature_statistics import FeatureStatisticsHook
from rankseg.engine.hooks.label_propagation import LabelPropagationHook
from rankseg.engine.hooks.log_length import LogLengthHook
from rankseg.engine.hooks.neighbor_purity import NeighborPurityHook
from rankseg.engine.hooks.one_class import OneClassHook
from rankseg.engine.hooks.overlay import OverlayHook
from rankseg.engine.hooks.panel import PanelHook
from rankseg.engine.hooks.pseudo_classifier import PseudoClassifierHook
from rankseg.engine.hooks.pseudo_labels import PseudoLabelHook
from rankseg.engine.hooks.retrieval_panel import RetrievalPanelHook
from rankseg.engine.hooks.start_from import StartFromHook
from rankseg.engine.hooks.step_seed import StepSeedHook
from rankseg.engine.hooks.summary import SummaryHook
from rankseg.engine.resilience.checkpoint_hook import CheckpointHook
from rankseg.engine.resilience.non_finite import NonFiniteHook
from rankseg.engine.resilience.non_finite_stop import NonFiniteStopHook

__all__ = [
    "CheckpointHook",
    "ClusterHook",
    "CompositionHook",
    "ContactSheetHook",
    "CurvesHook",
    "DiscoveryHook",
    "EMATeacherHook",
    "EarlyStoppingHook",
    "FeatureEvaluationHook",
    "FeatureHook",
    "FeatureStatisticsHook",
    "LabelPropagationHook",
    "LogLengthHook",
    "StartFromHook",
    "NeighborPurityHook",
    "NonFiniteHook",
    "NonFiniteStopHook",
    "OneClassHook",
    "OverlayHook",
    "PanelHook",
    "PseudoClassifierHook",
    "PseudoLabelHook",
    "RetrievalPanelHook",
    "StepSeedHook",
    "SummaryHook",
]
