# SPDX-License-Identifier: Apache-2.0
"""UniMatch V2: a teacher's pseudo-labels, and channel dropout shared between two strong views."""

import torch
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.layers.perturbations import complementary_dropout
from rankseg.models.methods.base import valid_pixels
from rankseg.models.methods.fixmatch import FixMatch
from rankseg.models.segmentors.student import Output
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK


@MODELS.register_module()
class UniMatchV2(FixMatch):
    r"""FixMatch with an EMA teacher and complementary channel dropout on two strong views.

    .. math:: L = (L_x + (L_{s_1} + L_{s_2}) / 2) / 2

    The teacher labels the weak view. The two strong views go through the student in one pass.
    Between encoder and decoder, one of them loses a random half of the channels, and the other one
    the other half, see :func:`~rankseg.models.layers.perturbations.complementary_dropout`. In
    UniMatch, the feature perturbation is a third stream. Here it costs nothing.

    Args:
        keep: Share of the images without dropout.
        teacher: As in the base class. By default the teacher follows with
            ``1 - min(1 - 1 / (t + 1), 0.996)`` in iteration ``t``, parameters and buffers.
        labels_from: Network that makes the pseudo-labels; the teacher as published.
        predict_on: Network used for prediction; the teacher as published.
        **kwargs: Arguments of :class:`~rankseg.models.methods.fixmatch.FixMatch`.

    Raises:
        ValueError: If ``keep`` is outside ``[0, 1]``, ``strong_views`` is not 2, or
            ``single_pass`` is set.

    Source: UniMatch V2 (TPAMI 2025, arXiv:2410.10777), section 3, and released code. Differences:
        CutMix pastes from the previous image of the batch. The released code pastes from the image
        at the mirrored position in the batch. Both are random images. Validation images are padded
        to a multiple of the patch size. The released code stretches them to the nearest multiple.
    """

    strong_views = 2

    def __init__(
        self,
        student: dict,
        keep: float = 0.5,
        teacher: dict | None = None,
        labels_from: str = "teacher",
        predict_on: str = "teacher",
        **kwargs,
    ) -> None:
        teacher = {"momentum": 0.004, "warmup": True} if teacher is None else teacher
        super().__init__(
            student, teacher=teacher, labels_from=labels_from, predict_on=predict_on, **kwargs
        )
        expect(0 <= keep <= 1, "model.keep", "a share of the images, 0 to 1", keep)
        expect(self.strong_views == 2, "model.strong_views", "2", self.strong_views)
        cure = "The weak views do not go through the student of UniMatchV2 in any case."
        expect(not self.single_pass, "model.single_pass", "False", True, cure)
        self.keep = keep

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the terms of one step; see the class for the formula."""
        ramp = self.unsupervised_weight()
        if ramp == 0:
            return self.supervised_step(inputs, data_samples)
        valid = valid_pixels(data_samples[WEAK])
        partner = self.partner(inputs, data_samples)
        if self.labels_from_others:
            (labeled,) = self.run_views(inputs[LABELED])
            target = self.target(labeled, inputs[WEAK], valid)
        else:
            labeled, weak = self.run_views(inputs[LABELED], inputs[WEAK])
            target = self.target(weak, inputs[WEAK], valid)
        views, targets = self.mixed_views(inputs, target, partner)
        outputs = self.run_dropped(*views)
        terms = self.strong_terms(outputs, targets)
        return self.combine(labeled, target, terms, ramp, data_samples)

    def run_dropped(self, first: Tensor, second: Tensor) -> list[Output]:
        """Run two strong views through the student with complementary dropout between its parts."""
        features = self.student.extract_feat(torch.cat((first, second)))
        logits = self.student.decode_head(complementary_dropout(features, self.keep))
        return Output(logits).split([len(first), len(second)])
