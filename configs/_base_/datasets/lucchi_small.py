# SPDX-License-Identifier: Apache-2.0
"""The Lucchi set, or your own stacks, for small machines: crops of 129 px.

A microscope has one magnification, so images are scaled by 0.8 to 1.25 only. A crop should be about
four mitochondria wide: if yours are wider than 40 px, as in the Lucchi set, convert the stacks with
`--shrink 2`. Crops are not chosen for their foreground, because 7 of 10 contain enough of it.
"""

_base_ = "./lucchi.py"

crop = dict(
    type="RandomResizeCropFlip",
    crop_size=129,
    scale=(0.8, 1.25),
    antialias=False,  # as measured
)
_base_.train_dataloader.dataset.labeled_pipeline[1] = crop
_base_.train_dataloader.dataset.unlabeled_pipeline[1] = crop
del crop
