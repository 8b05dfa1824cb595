# SPDX-License-Identifier: Apache-2.0
"""Public functions and classes for scripts and notebooks."""

from rankseg.analysis.evaluate_features import evaluate_features
from rankseg.analysis.pseudo_label import pseudo_label
from rankseg.export.mmseg import to_mmseg
from rankseg.export.onnx import export_onnx
from rankseg.inference.inferencer import Inferencer
from rankseg.inference.predict import predict
from rankseg.training.config import load_config
from rankseg.training.test import test
from rankseg.training.train import (
    check_before_training,
    scale_learning_rate,
    train,
    use_amp,
)
from rankseg.training.work_folder import latest_checkpoint, resume_from_latest

__all__ = [
    "Inferencer",
    "check_before_training",
    "evaluate_features",
    "export_onnx",
    "latest_checkpoint",
    "load_config",
    "predict",
    "pseudo_label",
    "resume_from_latest",
    "scale_learning_rate",
    "test",
    "to_mmseg",
    "train",
    "use_amp",
]
