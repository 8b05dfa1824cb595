# SPDX-License-Identifier: Apache-2.0
"""Supervised-only with SAN, half-width DeepLabv3+ R-18, mitochondria, 2 labelled sections.

Run:   python tools/train.py configs/supervised/em_mito_2_san.py --data-root PATH
Paper: not in the paper.
Ours:  not run.

The assembly is before the last stage, where crops of 129 px, and the windows of testing, are maps
of 9 x 9 positions. Details come to the head from the first stage, unmoved.
"""

_base_ = ["./em_mito_2.py", "../_base_/methods/spatial_assembly_scratch.py"]

_base_.spatial_assembly.insert.update(at="backbone.layer3")
_base_.spatial_assembly.insert.module.update(in_channels=128, grid=9)
model = dict(student=dict(**_base_.pop("spatial_assembly")))
optim_wrapper = dict(paramwise_cfg=_base_.pop("assembly_rate"))
