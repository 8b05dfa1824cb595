# SPDX-License-Identifier: Apache-2.0
"""Metric learning without labels, GoogLeNet, CUB-200-2011, 500 clusters.

Run:   python tools/train.py configs/metric_learning/ablations/cub_googlenet_clusters_500.py
Paper: a curve of Figure 4.5 (a), there with the whole of TAC-CCL.
Ours:  not run.
"""

_base_ = "../cub_googlenet.py"

_base_.custom_hooks[-1].clusters = 500
