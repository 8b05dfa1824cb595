# SPDX-License-Identifier: Apache-2.0
"""60 passes of AdamW over the unlabeled images; the head learns 40 times faster than the encoder.

The learning rate is for a batch of 16 + 16 over all processes; see `--auto-scale-lr`.
"""

train_cfg = dict(type="PassTrainLoop", max_epochs=60)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=5e-6, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=40.0)}),
)
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=32)
