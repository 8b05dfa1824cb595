# SPDX-License-Identifier: Apache-2.0
_base_ = "../imagenet_1pct_100ep.py"
# the strong view finds the weak view of its image in the batch
model = dict(instance_loss="info_nce")
