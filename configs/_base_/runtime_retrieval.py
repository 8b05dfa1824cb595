# SPDX-License-Identifier: Apache-2.0
"""Settings of every run of an embedding network: it is tested with Recall@K."""

_base_ = "./default_runtime.py"

val_evaluator = dict(type="RetrievalMetric")
default_hooks = dict(checkpoint=dict(interval=2000, save_best="recall1"))
custom_hooks = [
    dict(type="StepSeedHook"),
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook", key="recall1"),
    dict(type="CurvesHook"),
    dict(type="RetrievalPanelHook"),  # retrieval.png, at the end
]
