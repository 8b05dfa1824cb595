# SPDX-License-Identifier: Apache-2.0
"""UniMatch: two strong views and a perturbed feature stream."""

import torch
from torch import Tensor

from rankseg.models.methods.base import Output
from rankseg.models.methods.fixmatch import FixMatch, Target
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK


@MODELS.register_module()
class UniMatch(FixMatch):
    r"""FixMatch with two strong views and feature perturbation.

    .. math:: L = (L_x + 0.25 L_{s_1} + 0.25 L_{s_2} + 0.5 L_{fp}) / 2

    The perturbed branch passes the encoder's features of labelled and weak images once more
    through the decoder, with half the channels dropped, and is compared with the weak view's own
    pseudo-labels, unpasted.

    Args:
        strong_weight: Weight of the strong views together.
        feature_dropout: Share of channels dropped, in ``(0, 1)``.
        feature_weight: Weight of ``L_fp``.
        **kwargs: Of :class:`~rankseg.models.methods.fixmatch.FixMatch`.

    Raises:
        ValueError: If ``feature_dropout`` is outside ``(0, 1)``.

    Source: UniMatch (CVPR 2023), section 3 and released code.
    """

    strong_views = 2
    one_pass = False  # the perturbed copies run with the labelled and weak images

    def __init__(
        self,
        student: dict,
        strong_weight: float = 0.5,
        feature_dropout: float = 0.5,
        feature_weight: float = 0.5,
        **kwargs,
    ) -> None:
        super().__init__(student, strong_weight=strong_weight, **kwargs)
        if not 0 < feature_dropout < 1:
            raise ValueError(
                f"model.feature_dropout={feature_dropout}: expected a share of channels, above 0 "
                "and below 1"
            )
        self.feature_dropout = feature_dropout
        self.feature_weight = feature_weight

    def weak_step(
        self, inputs: dict[str, Tensor], valid: Tensor
    ) -> tuple[Target, Output, Output | None]:
        """Run labelled and weak images together, clean and perturbed in one pass."""
        labeled, weak = inputs[LABELED], inputs[WEAK]
        sizes = [len(labeled), len(weak)]
        output = self.run(
            self.student,
            torch.cat((labeled, weak)),
            labeled=len(labeled),
            feature_dropout=self.feature_dropout,
        )
        output_x, output_w, _, perturbed = output.split(sizes * 2)
        return self.target(output_w, weak, valid), output_x, perturbed

    def unsupervised_terms(
        self,
        inputs: dict[str, Tensor],
        target: Target,
        source: Target | None,
        perturbed: Output | None,
    ) -> dict[str, Tensor]:
        """Terms of strong views and of perturbed features."""
        terms = super().unsupervised_terms(inputs, target, source, perturbed)
        terms["loss_fp"] = self.feature_weight * self.consistency(perturbed, target)
        return terms
