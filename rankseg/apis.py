# SPDX-License-Identifier: Apache-2.0
"""Public functions and classes for scripts and notebooks.

Importing this module is fast: a name is imported, with torch and all that it needs, when it is used
for the first time.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "Inferencer": "inference.inferencer",
    "check_before_training": "training.train",
    "evaluate_features": "analysis.evaluate_features",
    "export_onnx": "export.onnx",
    "latest_checkpoint": "training.work_folder",
    "load_config": "training.config",
    "predict": "inference.predict",
    "pseudo_label": "analysis.pseudo_label",
    "resume_from_latest": "training.work_folder",
    "scale_learning_rate": "training.train",
    "test": "training.test",
    "to_mmseg": "export.mmseg",
    "train": "training.train",
    "use_amp": "training.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is used for the first time."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"rankseg.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
