# SPDX-License-Identifier: Apache-2.0
"""200 passes of SGD, a fifth of the rate after 60, 120 and 160 of them: Gidaris et al. on CIFAR-10.

Milestones are those of 50,000 images in batches of 128: 390 iterations a pass. The dissertation
does not say how long it trains.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=200, val_epochs=200)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
)
param_scheduler = [
    dict(type="MultiStepLR", milestones=[60 * 390, 120 * 390, 160 * 390], gamma=0.2, by_epoch=False)
]
auto_scale_lr = dict(enable=False, base_batch_size=128)
