# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, WRN-10-2, a small CIFAR-10, 4,000 images.

A batch has 4 images of each of the 10 classes.
"""

_base_ = "./cifar10_mini.py"

train_dataloader = dict(dataset=dict(empty="unlabeled", unlabeled=None, labeled=""))
custom_hooks = [
    dict(type="StepSeedHook"),
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook", key="recall1"),
    dict(type="CurvesHook"),
    dict(type="RetrievalPanelHook"),
]
