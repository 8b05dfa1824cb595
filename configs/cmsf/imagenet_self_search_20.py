# SPDX-License-Identifier: Apache-2.0
_base_ = "./imagenet_self.py"
model = dict(search=20)  # k' of Table 3
