# SPDX-License-Identifier: Apache-2.0
"""The Lucchi set, or stacks of one's own, for small machines: crops of 129 px, sizes hardly vary.

A microscope has one magnification, so images are scaled by 0.8 to 1.25 alone. A crop should be
about four mitochondria wide: where they are wider than 40 px, as in the Lucchi set itself, convert
the stacks with ``--shrink 2``. Crops are not chosen for their foreground, of which 7 of 10 hold
enough.
"""

_base_ = "./lucchi.py"

for _pipeline in ("labeled_pipeline", "unlabeled_pipeline"):
    _base_.train_dataloader.dataset[_pipeline][1] = dict(
        type="RandomResizeCropFlip", crop_size=129, scale=(0.8, 1.25)
    )
del _pipeline
