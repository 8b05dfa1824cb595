# SPDX-License-Identifier: Apache-2.0
_base_ = "../imagenet_1pct_100ep.py"
# the strong view predicts the code of the weak view, one of 3,000 prototypes
model = dict(instance_loss="swav")
