# SPDX-License-Identifier: Apache-2.0
"""UniMatch, DeepLabv3+ R-50, Lucchi mitochondria, 10 labelled slices of 165.

Run:   python tools/train.py configs/unimatch/lucchi_10.py --data-root PATH
Paper: not in the paper, whose Table 9 has other methods.
Ours:  not run.
"""

_base_ = "./lucchi_5.py"

train_dataloader = dict(dataset=dict(split="even_10_seed0"))
