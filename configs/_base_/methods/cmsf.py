# SPDX-License-Identifier: Apache-2.0
"""CMSF without labels: projector and predictor of two layers, 128,000 targets, 5 neighbours."""

projection = dict(
    projection=dict(
        type="Projector", hidden_channels=4096, out_channels=512, norm=True, normalize=False
    )
)
cmsf = dict(
    type="CMSF",
    predictor=dict(type="Projector", hidden_channels=4096, norm=True, normalize=False),
    memory_size=128_000,
    k=5,
    constraint="previous",
    search=5,
    free_share=0.5,
    teacher=dict(momentum=0.01, buffers=False),
)
