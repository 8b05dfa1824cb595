# SPDX-License-Identifier: Apache-2.0
"""Several segmentors that predict as one."""

import math
from collections.abc import Sequence

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor, nn


class MeanSegmentor(EncoderDecoder):
    """Predicts the mean probability of several segmentors of the same classes.

    It takes their place wherever one predicts: by windows, on one image or on several. It has no
    weights of its own. Features, and what else is asked of it, are those of the first.

    Args:
        members: The segmentors; they are not copied.
    """

    def __init__(self, members: Sequence[EncoderDecoder]) -> None:
        super(EncoderDecoder, self).__init__(data_preprocessor=None)
        self.members = nn.ModuleList(members)
        first = members[0]
        self.training = first.training  # nothing is switched
        self.decode_head = first.decode_head
        self.test_cfg = first.test_cfg
        self.align_corners = first.align_corners
        self.num_classes = first.num_classes
        self.out_channels = first.out_channels

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Feature maps of the first."""
        return self.members[0].extract_feat(inputs)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logarithm of the mean probability, ``(B, K, H, W)``; its softmax is that mean."""
        logits = [member.encode_decode(inputs, batch_img_metas) for member in self.members]
        return mean_logits(logits)


def mean_logits(logits: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean probability of several predictions, in float32.

    Args:
        logits: ``(B, K, ...)`` each.
    """
    log = torch.stack([one.float().log_softmax(1) for one in logits])
    return log.logsumexp(0) - math.log(len(logits))
