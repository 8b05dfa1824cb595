# SPDX-License-Identifier: Apache-2.0
"""Ensemble of segmentors that predicts like a single one."""

import math
from collections.abc import Sequence

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor, nn


class MeanSegmentor(EncoderDecoder):
    """Ensemble that predicts the mean probability of several segmentors with the same classes.

    It replaces a segmentor wherever one predicts, with or without windows, on one image or several.
    It has no weights. Features and all other attributes are those of the first member.

    Args:
        members: The segmentors; they are not copied.

    Raises:
        ValueError: If they predict as in the released code, which has one network.
    """

    def __init__(self, members: Sequence[EncoderDecoder]) -> None:
        super(EncoderDecoder, self).__init__(data_preprocessor=None)
        self.members = nn.ModuleList(members)
        first = members[0]
        if first.test_cfg.get("evaluation") == "released":
            raise ValueError(
                "Expected model.student.test_cfg.evaluation='exact' for several networks, but got "
                "'released'. Remove it, or test one checkpoint."
            )
        self.training = first.training  # keep the mode of the members
        self.decode_head = first.decode_head
        self.test_cfg = first.test_cfg
        self.align_corners = first.align_corners
        self.num_classes = first.num_classes
        self.out_channels = first.out_channels

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Return the feature maps of the first member."""
        return self.members[0].extract_feat(inputs)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the log of the mean probability, ``(B, K, H, W)``; its softmax is that mean."""
        logits = [member.encode_decode(inputs, batch_img_metas) for member in self.members]
        return mean_logits(logits)


def mean_logits(logits: Sequence[Tensor]) -> Tensor:
    """Return the log of the mean probability of several predictions, in float32.

    Args:
        logits: Logits of each prediction, ``(B, K, ...)``.
    """
    log = torch.stack([one.float().log_softmax(1) for one in logits])
    return log.logsumexp(0) - math.log(len(logits))
