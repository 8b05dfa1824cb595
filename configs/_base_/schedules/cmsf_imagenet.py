# SPDX-License-Identifier: Apache-2.0
"""200 passes of SGD in batches of 256; cosine schedule to zero."""

train_cfg = dict(type="PassTrainLoop", max_epochs=200, val_epochs=200)
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=256)
