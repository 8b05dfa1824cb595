# SPDX-License-Identifier: Apache-2.0
"""What scripts and notebooks call."""

from rankseg.apis.config import load_config
from rankseg.apis.evaluate_features import evaluate_features
from rankseg.apis.export_onnx import export_onnx
from rankseg.apis.inferencer import Inferencer
from rankseg.apis.predict import predict
from rankseg.apis.pseudo_label import pseudo_label
from rankseg.apis.test import test
from rankseg.apis.to_mmseg import to_mmseg
from rankseg.apis.train import (
    check_before_training,
    scale_learning_rate,
    train,
    use_amp,
)
from rankseg.apis.work_folder import latest_checkpoint, resume_from_latest

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
