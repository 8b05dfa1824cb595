# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, GoogLeNet, CUB-200-2011, Multi-Similarity without a memory.

Run:   python tools/train.py configs/metric_learning/cub_googlenet_supervised_ms.py
Paper: Recall@1 58.2 (SAN, Table 5.5, MS).
Ours:  not run.
"""

_base_ = "./cub_googlenet_supervised.py"

model = dict(teacher=None, memory=None)
