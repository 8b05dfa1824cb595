# SPDX-License-Identifier: Apache-2.0
"""What runs without labels share: features are evaluated, and no classifier is.

Validation images are there for the nearest neighbours. The network's own classifier learns nothing,
so a config leaves validation out: `train_cfg = dict(val_begin=10**9)`.
"""

_base_ = "./default_runtime.py"

default_hooks = dict(checkpoint=dict(interval=2000, save_best=None))
custom_hooks = [
    dict(type="StepSeedHook"),
    dict(type="EMATeacherHook"),
    dict(type="FeatureEvaluationHook", interval=0, probes=("all",)),
    dict(type="CurvesHook"),
]
find_unused_parameters = True  # that classifier
