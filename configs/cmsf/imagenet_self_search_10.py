# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_self.py"
model = dict(search=10)  # k' of Table 3
