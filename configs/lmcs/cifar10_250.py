# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, CIFAR-10, 250 labeled images.

Three generations, in each of which the labeled images become ten times as many (section 3.3.4).
The lengths of a step and of a discovery are ours.
"""

_base_ = "../mixmatch/cifar10_250.py"

model = dict(
    feature_part=["backbone.stem", "backbone.stages.0", "backbone.stages.1"],
    channels=64,
    type="LMCS",
    master_start=10_240,
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="CompositionHook", length=10_240),
    dict(
        type="DiscoveryHook",
        begin=2**18,
        length=2**16,
        sizes=(2, 4, 8, 10),
        generations=3,
        select=dict(type="critical_samples", rule="confined_maximum_entropy", share=0.2, beta=0.1),
    ),
]
