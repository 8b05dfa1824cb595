# SPDX-License-Identifier: Apache-2.0
"""What every run shares whose foreground is rare: its main figure is the IoU of the foreground.

With two classes the mean (mIoU) is half the background's, which is right nearly everywhere.
"""

_base_ = "./default_runtime.py"

default_hooks = dict(checkpoint=dict(save_best="fgIoU"))
_base_.custom_hooks[2].key = "fgIoU"  # SummaryHook
