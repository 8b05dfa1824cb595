# SPDX-License-Identifier: Apache-2.0
"""Interface of metrics that check the data set before they evaluate it."""

from typing import Any

import numpy as np


class RunMetric:
    """Mixin for metrics with results per class that state what they need of a data set.

    Attributes:
        per_class: Whether :meth:`evaluate` also returns the metrics of each class.
        confusion: ``(K, K)`` confusion matrix of the last evaluation, for classifiers.
    """

    per_class = False
    confusion: np.ndarray | None = None

    def check_dataset(self, dataset: Any) -> None:
        """Check that the metric can evaluate a data set; called before the run.

        Raises:
            ValueError: If it cannot.
        """
