# SPDX-License-Identifier: Apache-2.0
"""LMCS, WRN-28-2, SVHN, 500 labelled images.

Run:   python tools/train.py configs/lmcs/svhn_500.py
Paper: error 2.83 +- 0.08 (LMCS, Tables 3.2 and 3.5).
Ours:  not run.
"""

_base_ = "./svhn_250.py"

train_dataloader = dict(dataset=dict(split="500_seed0"))
