# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, a narrow ResNet-18, a small Omniglot, 136 classes.

One setting was tried, for 240 iterations, with two of the five alphabets to train on held back in
place of the test classes: Recall@1 on those rose from 13.5 (random weights) to 55.9.
"""

_base_ = "./omniglot_mini.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", unlabeled=None, labeled=""))
custom_hooks = [
    dict(type="StepSeedHook"),
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook", key="recall1"),
    dict(type="CurvesHook"),
    dict(type="RetrievalPanelHook"),
]
