# SPDX-License-Identifier: Apache-2.0
"""Metric learning with labels, GoogLeNet, CUB-200-2011, a momentum memory."""

_base_ = "./cub_googlenet.py"

model = dict(
    memory=dict(
        start=1000,
        network="teacher",
        loss=dict(
            type="ContrastiveLoss",
            pos_margin=1.0,
            neg_margin=0.5,
            distance=dict(type="CosineSimilarity"),
        ),
        weight=1.0,
    ),
    teacher=dict(momentum=0.001),
)
train_dataloader = dict(dataset=dict(empty="unlabeled", unlabeled=None, labeled=""))
custom_hooks = [
    dict(type="StepSeedHook"),
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook", key="recall1"),
    dict(type="CurvesHook"),
    dict(type="RetrievalPanelHook"),
]
