# SPDX-License-Identifier: Apache-2.0
"""400 passes over the unlabeled 99% of the images: 5 of warm-up, then a cosine to zero."""

train_cfg = dict(type="PassTrainLoop", max_epochs=400, val_epochs=400)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.03, momentum=0.9, nesterov=True, weight_decay=1e-4),
)
param_scheduler = [  # a pass has 3,963 iterations; the cosine ends with the run
    dict(type="LinearLR", start_factor=1e-4, by_epoch=False, end=5 * 3963),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False, begin=5 * 3963),
]
auto_scale_lr = dict(enable=False, base_batch_size=384)
