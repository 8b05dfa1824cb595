# SPDX-License-Identifier: Apache-2.0
"""240 passes over the unlabeled images; one learning rate for backbone and head.

The learning rate is for a batch of 8 + 8 over all processes; see `--auto-scale-lr`.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=240)
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="SGD", lr=0.005, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=16)
