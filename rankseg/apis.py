# SPDX-License-Identifier: Apache-2.0
"""Public functions and classes for scripts and notebooks.

Importing this module is fast: a name is imported, with torch and all that it needs, when it is used
for the first time. Errors name the arguments of Python instead of command-line options.
"""

import importlib
from typing import TYPE_CHECKING, Any

from rankseg.utils.python_messages import speaks_python

if TYPE_CHECKING:
    from rankseg.analysis.evaluate_features import evaluate_features
    from rankseg.analysis.pseudo_label import pseudo_label
    from rankseg.export.mmseg import to_mmseg
    from rankseg.export.onnx import export_onnx
    from rankseg.export.safetensors import to_safetensors
    from rankseg.inference.inferencer import Inferencer
    from rankseg.inference.predict import predict
    from rankseg.inference.prediction import ClassPrediction, Prediction
    from rankseg.projects.new_project import new_project
    from rankseg.report.compare import compare
    from rankseg.report.report import report
    from rankseg.training.config import load_config
    from rankseg.training.result import TrainResult
    from rankseg.training.test import test
    from rankseg.training.train import (
        check_before_training,
        scale_learning_rate,
        train,
        use_amp,
    )
    from rankseg.training.work_folder import latest_checkpoint, resume_from_latest

__all__ = [
    "ClassPrediction",
    "Inferencer",
    "Prediction",
    "TrainResult",
    "check_before_training",
    "compare",
    "evaluate_features",
    "export_onnx",
    "latest_checkpoint",
    "load_config",
    "new_project",
    "predict",
    "pseudo_label",
    "report",
    "resume_from_latest",
    "scale_learning_rate",
    "test",
    "to_mmseg",
    "to_safetensors",
    "train",
    "use_amp",
]

_MODULES = {
    "ClassPrediction": "inference.prediction",
    "Inferencer": "inference.inferencer",
    "Prediction": "inference.prediction",
    "TrainResult": "training.result",
    "check_before_training": "training.train",
    "compare": "report.compare",
    "evaluate_features": "analysis.evaluate_features",
    "export_onnx": "export.onnx",
    "latest_checkpoint": "training.work_folder",
    "load_config": "training.config",
    "new_project": "projects.new_project",
    "predict": "inference.predict",
    "pseudo_label": "analysis.pseudo_label",
    "report": "report.report",
    "resume_from_latest": "training.work_folder",
    "scale_learning_rate": "training.train",
    "test": "training.test",
    "to_mmseg": "export.mmseg",
    "to_safetensors": "export.safetensors",
    "train": "training.train",
    "use_amp": "training.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is used for the first time."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"rankseg.{_MODULES[name]}"), name)
    if not isinstance(found, type):
        found = speaks_python(found)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
