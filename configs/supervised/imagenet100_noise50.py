# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet100_noise0.py"
train_dataloader = dict(dataset=dict(dataset=dict(label_noise=dict(share=0.5, seed=0))))
