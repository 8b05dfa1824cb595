# SPDX-License-Identifier: Apache-2.0
"""CMSF on WRN-10-2, with a memory of 2,048."""

_base_ = "./wrn10_2_projection.py"

model = dict(
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=256, norm=True, normalize=False),
    memory_size=2048,
    teacher=dict(momentum=0.02, buffers=False),
)
