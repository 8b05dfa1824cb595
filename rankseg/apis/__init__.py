# SPDX-License-Identifier: Apache-2.0
"""What scripts and notebooks call."""

from rankseg.apis.config import load_config
from rankseg.apis.knn import knn
from rankseg.apis.test import test
from rankseg.apis.train import (
    check_before_training,
    scale_learning_rate,
    train,
    use_amp,
)
from rankseg.apis.work_folder import latest_checkpoint, resume_from_latest

__all__ = [
    "check_before_training",
    "knn",
    "latest_checkpoint",
    "load_config",
    "resume_from_latest",
    "scale_learning_rate",
    "test",
    "train",
    "use_amp",
]
