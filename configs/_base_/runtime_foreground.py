# SPDX-License-Identifier: Apache-2.0
"""Settings of runs whose foreground is rare: the main metric is the IoU of the foreground.

With two classes, half of mIoU is the IoU of the background, which is high in nearly every run.
"""

_base_ = "./default_runtime.py"

default_hooks = dict(checkpoint=dict(save_best="fgIoU"))
_base_.custom_hooks[2].key = "fgIoU"  # SummaryHook
