# SPDX-License-Identifier: Apache-2.0
"""CMSF on ResNet-50."""

_base_ = "./resnet50_projection.py"

model = dict(
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=4096, norm=True, normalize=False),
    teacher=dict(momentum=0.01, buffers=False),
)
