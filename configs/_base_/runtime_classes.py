# SPDX-License-Identifier: Apache-2.0
"""Settings of every run of a classifier."""

_base_ = "./default_runtime.py"

default_hooks = dict(checkpoint=dict(interval=2000, save_best="top1"))
custom_hooks = [
    dict(type="StepSeedHook"),
    dict(type="EMATeacherHook"),
    dict(type="PseudoLabelHook", interval=1000),
    dict(type="SummaryHook", key="top1"),
    dict(type="CurvesHook"),
]
