# SPDX-License-Identifier: Apache-2.0
"""CPS: two differently initialized students train each other with hard pseudo-labels."""

import logging
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.layers.dilated import speed_up_dilated
from rankseg.models.losses import pixel_consistency
from rankseg.models.methods.base import Method, Output, valid_pixels
from rankseg.models.mixing import CutMix, check_batch, check_pasting
from rankseg.models.segmentors.ensemble import MeanSegmentor
from rankseg.models.segmentors.padding import cut_padding
from rankseg.models.weights.pretrained import load_backbone
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK

ENCODER = ("backbone.", "neck.")  # parts taken from a single-network checkpoint


@MODELS.register_module()
class CPS(Method):
    r"""Cross pseudo supervision.

    .. math::
        L = CE(p_1, y) + CE(p_2, y) + r(t) \, \lambda \,
            (\text{mean}_i \, CE(p_{1i}, \hat y_{2i}) + \text{mean}_i \, CE(p_{2i}, \hat y_{1i}))

    where :math:`\hat y_k` is the argmax of student ``k`` without gradient. The mean is over all
    non-padding pixels of labeled and unlabeled images, without a threshold, as in the released
    code, whose weight is the published one. (The equation adds the mean over labeled images to the
    mean over unlabeled images, which is twice as much.) Both students see the same weak views.
    Their heads have different initial weights. Their backbones start from the same ``pretrained``
    file if there is one, otherwise they differ too. Labeled and unlabeled images run in one pass
    and share batch statistics, as in the other methods here; the released code runs them
    separately.

    With ``cutmix`` the students label the unmixed unlabeled images and then learn from mixed images
    and labels. Labeled images take no part in the cross terms, as in the released code. Pasted
    regions come from another image of the batch (released code: from another batch), so every
    process needs at least two unlabeled images.

    The first student makes the predictions, and a teacher is the average of the first student.

    Args:
        cross_weight: ``lambda``; published: 1.5 for VOC and 6 for Cityscapes. The released config
            for VOC with CutMix uses 1.
        cutmix: None, or options of :class:`~rankseg.models.mixing.CutMix`.
        average: Predict with the mean probability of both students, instead of the first alone.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`. ``warmup`` and
            ``ramp``, ``r(t)`` above, are our addition. The paper has neither, but with random
            initial weights a warm-up helps.

    Raises:
        ValueError: If ``cross_weight`` is negative, an option of ``cutmix`` is unknown, or the
            teacher is set to make labels or, with ``average``, to predict.

    Source: Chen et al., CVPR 2021, section 3, eq. 1 to 4, and its released code.
    """

    views = (LABELED, WEAK)

    def __init__(
        self,
        student: dict,
        cross_weight: float = 1.5,
        cutmix: dict | None = None,
        average: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        expect(cross_weight >= 0, "model.cross_weight", "0 or more", cross_weight)
        valid = set(cutmix or ()) <= {"boxes", "area", "probability"}
        wanted = "None, or a part of dict(boxes=3, area=(0.25, 0.5), probability=1.0)"
        expect(valid, "model.cutmix", wanted, cutmix)
        wanted = "'student', because the students of CPS label each other"
        expect(self.labels_from == "student", "model.labels_from", wanted, self.labels_from)
        if average:
            wanted, cure = "'student' with average=True", "Set model.average=False."
            expect(self.predict_on == "student", "model.predict_on", wanted, self.predict_on, cure)
        self.second = MODELS.build(student)
        cut_padding(self.second)
        speed_up_dilated(self.second)
        self.cross_weight = cross_weight
        self.cutmix = None if cutmix is None else CutMix(**cutmix)
        self.strong_views = 2 if cutmix is None else 1  # with CutMix the weak views run separately
        self.average = average

    # --- weights

    def init_weights(self) -> None:
        """See the base class; also loads ``pretrained`` into the second student's backbone."""
        super().init_weights()
        if self.pretrained is not None:
            load_backbone(self.second.backbone, self.pretrained)

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class.

        From the checkpoint of a single network the second student takes only the backbone. Its head
        keeps its current weights, because two identical students would never diverge.
        """
        if not any(key.startswith(f"{prefix}second.") for key in state_dict):
            for name, own in self.second.state_dict().items():
                given = state_dict.get(f"{prefix}student.{name}")
                taken = name.startswith(ENCODER) and given is not None
                state_dict[f"{prefix}second.{name}"] = given if taken else own
            print_log(
                "The checkpoint has only one network. The second student of CPS takes its backbone "
                "and keeps the weights of its own head.",
                logger="current",
                level=logging.WARNING if self.average else logging.INFO,
            )
        super().complete_state(state_dict, prefix)

    # --- prediction

    def network(self, name: str) -> nn.Module:
        """See the base class; with ``average`` the predicting student is the mean of both."""
        if name == "student" and self.average:
            return MeanSegmentor([self.student, self.second])
        return super().network(name)

    # --- the step

    def check_dataset(self, dataset: Any) -> None:
        """See the base class; rejects CutMix for data sets with one label per image."""
        if self.cutmix is not None:
            check_pasting(dataset, "model.cutmix", "model.cutmix=None")

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; see the class for the formula."""
        weight = self.unsupervised_weight() * self.cross_weight
        labeled = inputs[LABELED]
        if weight == 0:
            return self.supervised_terms(self.run_both(labeled, len(labeled)), data_samples)
        valid = valid_pixels(data_samples[WEAK])
        size = valid.shape[1:]
        if self.cutmix is None:
            outputs = self.run_both(torch.cat((labeled, inputs[WEAK])), len(labeled))
            logits = [self.upsample(output.logits, size) for output in outputs]
            labels = [one.detach().argmax(1) for one in logits]
            unlabeled = labels[0][len(labeled) :]
            valid = torch.cat((self.inside(data_samples[LABELED]), valid))
        else:
            check_batch(inputs[WEAK])
            labels = self.label(inputs[WEAK], size)
            unlabeled = labels[0]
            mixed, valid, *labels = self.cutmix(inputs[WEAK], valid, *labels)
            outputs = self.run_both(torch.cat((labeled, mixed)), len(labeled))
            logits = [self.upsample(one.logits[len(labeled) :], size) for one in outputs]
        rows = [len(labeled), len(inputs[WEAK])]
        losses = self.supervised_terms([one.split(rows)[0] for one in outputs], data_samples)
        losses |= self.cross_terms(logits, labels, valid, weight)
        self.track(unlabeled, torch.ones_like(unlabeled, dtype=torch.bool), data_samples[WEAK])
        return losses

    # --- parts

    def run_both(self, images: Tensor, labeled: int = 0) -> list[Output]:
        """Run both students on images, of which the first ``labeled`` are labeled."""
        return [self.run(network, images, labeled) for network in (self.student, self.second)]

    def supervised_terms(
        self, outputs: list[Output], data_samples: dict[str, list]
    ) -> dict[str, Tensor]:
        """Compute each student's supervised loss from its output for the labeled images."""
        names = ("loss_x", "loss_x2")
        return {
            name: self.supervised_loss(output, data_samples[LABELED])
            for name, output in zip(names, outputs, strict=True)
        }

    def cross_terms(
        self, logits: list[Tensor], labels: list[Tensor], valid: Tensor, weight: float
    ) -> dict[str, Tensor]:
        """Compute each student's loss on the other's labels, and the share of equal labels.

        Args:
            logits: ``(B, K, H, W)`` logits of the first and the second student.
            labels: ``(B, H, W)`` int64 labels of the first and the second student.
            valid: ``(B, H, W)`` bool.
            weight: Weight of the terms.
        """
        confidence = torch.ones((), device=valid.device).expand_as(valid)  # every label counts
        first, second = (
            weight * pixel_consistency(mine, theirs, confidence, valid, threshold=0.0)
            for mine, theirs in zip(logits, reversed(labels), strict=True)
        )
        same = (labels[0] == labels[1]) & valid
        agreement = same.sum() / valid.sum().clamp(min=1)
        return {"loss_cps1": first, "loss_cps2": second, "agreement": agreement}

    @torch.no_grad()
    def label(self, images: Tensor, size: tuple[int, int]) -> list[Tensor]:
        """Return labels ``(B, H, W)`` of both students, run in their current mode.

        In training mode they normalize with batch statistics, as in the released code.
        """
        return [self.upsample(one.logits, size).argmax(1) for one in self.run_both(images)]

    @staticmethod
    def inside(data_samples: list) -> Tensor:
        """Return the ``(B, H, W)`` non-padding mask of labeled images, all True if unknown."""
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        if not all("valid" in sample for sample in data_samples):
            return torch.ones_like(labels, dtype=torch.bool)
        return valid_pixels(data_samples)
