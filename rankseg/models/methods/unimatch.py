# SPDX-License-Identifier: Apache-2.0
"""UniMatch: FixMatch with two strong views and a perturbed feature stream."""

from torch import Tensor

from rankseg.errors import expect
from rankseg.models.methods.base import valid_pixels
from rankseg.models.methods.fixmatch import FixMatch
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK


@MODELS.register_module()
class UniMatch(FixMatch):
    r"""FixMatch with two strong views and feature perturbation.

    .. math:: L = (L_x + 0.25 L_{s_1} + 0.25 L_{s_2} + 0.5 L_{fp}) / 2

    The perturbed branch passes the encoder's features of labeled and weak images through the
    decoder a second time, with half the channels dropped. Its output is compared with the weak
    view's own, unpasted pseudo-labels.

    Args:
        strong_weight: Weight of the strong views together.
        feature_dropout: Share of channels dropped, in ``(0, 1)``.
        feature_weight: Weight of ``L_fp``.
        **kwargs: Arguments of :class:`~rankseg.models.methods.fixmatch.FixMatch`.

    Raises:
        ValueError: If ``feature_dropout`` is outside ``(0, 1)``.

    Source: UniMatch (CVPR 2023), section 3 and released code.
    """

    strong_views = 2

    def __init__(
        self,
        student: dict,
        strong_weight: float = 0.5,
        feature_dropout: float = 0.5,
        feature_weight: float = 0.5,
        **kwargs,
    ) -> None:
        super().__init__(student, strong_weight=strong_weight, **kwargs)
        share = "a share of channels, above 0 and below 1"
        expect(0 < feature_dropout < 1, "model.feature_dropout", share, feature_dropout)
        self.feature_dropout = feature_dropout
        self.feature_weight = feature_weight

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the terms of one step; see the class for the formula."""
        ramp = self.unsupervised_weight()
        if ramp == 0:
            return self.supervised_step(inputs, data_samples)
        if self.single_pass:
            return self.single_pass_step(inputs, data_samples, ramp)
        valid = valid_pixels(data_samples[WEAK])
        partner = self.partner(inputs, data_samples)
        labeled, weak, _, perturbed = self.run_views(
            inputs[LABELED], inputs[WEAK], feature_dropout=self.feature_dropout
        )
        target = self.target(weak, inputs[WEAK], valid)
        views, targets = self.mixed_views(inputs, target, partner)
        outputs = self.run_views(*views, labeled=False)
        terms = self.strong_terms(outputs, targets)
        terms["loss_fp"] = self.feature_weight * self.consistency(perturbed, target)
        return self.combine(labeled, target, terms, ramp, data_samples)
