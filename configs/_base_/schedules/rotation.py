# SPDX-License-Identifier: Apache-2.0
"""200 passes of SGD; learning rate x 0.2 after passes 60, 120, 160, as Gidaris et al. on CIFAR-10.

A pass is 390 iterations: 50,000 images in batches of 128. The dissertation does not state the
length.
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
