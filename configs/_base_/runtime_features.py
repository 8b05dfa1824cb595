# SPDX-License-Identifier: Apache-2.0
"""Settings of runs without labels, which evaluate features and no classifier.

The validation images are used for the nearest neighbors. The classifier of the network learns
nothing, so a config skips validation: `train_cfg = dict(val_begin=10**9)`.
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
