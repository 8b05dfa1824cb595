# SPDX-License-Identifier: Apache-2.0
"""SimMatch for few labels: the temporal ensemble, evaluated by an average of the weights."""

projection = dict(projection=dict(type="Projector", out_channels=128))
simmatch = dict(
    type="SimMatch",
    bank_momentum=0.7,
    temperature=0.1,
    smoothing=0.9,
    threshold=0.95,
    queue_length=32,
    semantic_weight=1.0,
    instance_weight=1.0,
    teacher=dict(momentum=0.001, buffers=False),
    predict_on="teacher",
    track_pseudo_labels=True,
)
