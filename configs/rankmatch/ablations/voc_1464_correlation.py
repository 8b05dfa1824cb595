# SPDX-License-Identifier: Apache-2.0
_base_ = "../voc_1464.py"
model = dict(rank=dict(consistency="kl"))  # agent correlation without ranks
