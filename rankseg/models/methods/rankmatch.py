# SPDX-License-Identifier: Apache-2.0
"""RankMatch: UniMatch with rank-aware correlation consistency."""

from torch import Tensor

from rankseg.models.heads import ImageLevelHead
from rankseg.models.layers import at_positions, find_module
from rankseg.models.losses.agents import check_num_agents
from rankseg.models.methods.base import valid_pixels
from rankseg.models.methods.target import Target
from rankseg.models.methods.unimatch import UniMatch
from rankseg.models.segmentors.student import Output, default_tap
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK


@MODELS.register_module()
class RankMatch(UniMatch):
    r"""UniMatch with additional consistency of how pixels rank a set of agents.

    .. math:: L = L_{UniMatch} + (L_{rank_1} + L_{rank_2}) / 2

    where the rank loss includes the paper's weight of 0.1. The agents come from the weak view's
    features, pasted with the boxes of the strong view. A step costs no additional forward pass over
    UniMatch, and no feature map larger than the tapped one.

    Args:
        feature_tap: Dotted name of the student's submodule whose output is compared; with the
            suffix ``:input``, its input is compared. None uses the output of ASPP, as in the paper,
            or in networks without ASPP the input of the head's classifier, see
            :func:`~rankseg.models.segmentors.student.default_tap`.
        rank: Arguments of :class:`~rankseg.models.losses.RankCorrelationLoss`.
        mask_padding: Exclude padding from the rank loss; the released code includes it.
        **kwargs: Arguments of :class:`~rankseg.models.methods.unimatch.UniMatch`.

    Raises:
        ValueError: If the student has no submodule with that name, or classifies whole images.

    Source: RankMatch (CVPR 2024), eq. 9.
    """

    PARTS = {"rank": "RankCorrelationLoss"}  # parts whose config names no type

    def __init__(
        self,
        student: dict,
        feature_tap: str | None = None,
        rank: dict | None = None,
        mask_padding: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        if isinstance(self.student.decode_head, ImageLevelHead):
            raise ValueError(
                "Expected model.student.decode_head to classify pixels, which RankMatch compares, "
                f"but got {type(self.student.decode_head).__name__}. Use FixMatch with "
                "mix_source=None for classes of whole images."
            )
        self.feature_tap = feature_tap or default_tap(self.student)
        find_module(self.student, self.feature_tap)
        self.rank_loss = MODELS.build({"type": "RankCorrelationLoss", **(rank or {})})
        self.mask_padding = mask_padding

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """See the base class; also limits the number of agents to the number of positions."""
        super().make_tiny(config, cells)
        rank = config.get("rank") or {}
        number = rank.get("num_agents", 16)
        number = number if isinstance(number, int) else 16  # a share of few positions is too small
        config["rank"] = {**rank, "num_agents": min(16, number, cells**2)}

    def check_features(self, size: tuple[int, int]) -> None:
        """See the base class; there must be as many positions as agents."""
        positions = size[0] * size[1]
        check_num_agents(positions, self.rank_loss.agents_of(positions))

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the terms of one step; see the class for the formula."""
        ramp = self.unsupervised_weight()
        if ramp == 0:
            return self.supervised_step(inputs, data_samples)
        if self.single_pass:
            return self.single_pass_step(inputs, data_samples, ramp)
        valid = valid_pixels(data_samples[WEAK])
        partner = self.partner(inputs, data_samples)
        # Labeled and weak images, then the same features again with channels dropped.
        labeled, weak, _, perturbed = self.run_views(
            inputs[LABELED], inputs[WEAK], feature_dropout=self.feature_dropout
        )
        # Pseudo-labels, confidences and features of the weak view.
        target = self.target(weak, inputs[WEAK], valid)
        # Strong views with pasted boxes; the targets are pasted with the same boxes.
        views, targets = self.mixed_views(inputs, target, partner)
        outputs = self.run_views(*views, labeled=False)
        # Pixel consistency and rank consistency of each strong view.
        terms = self.strong_terms(outputs, targets)
        terms["loss_fp"] = self.feature_weight * self.consistency(perturbed, target)
        return self.combine(labeled, target, terms, ramp, data_samples)

    def strong_terms(self, outputs: list[Output], targets: list[Target]) -> dict[str, Tensor]:
        """See the base class; adds the rank loss of each strong view."""
        terms = super().strong_terms(outputs, targets)
        agents = self.rank_loss.select_agents([target.feature for target in targets])
        for i, (output, pasted, chosen) in enumerate(zip(outputs, targets, agents, strict=True), 1):
            inside = None
            if self.mask_padding:
                inside = at_positions(pasted.pseudo.valid, output.feature.shape[2:])
            terms[f"loss_rank{i}"] = self.rank_loss(
                pasted.feature, output.feature, valid=inside, positions=chosen
            )
        return terms
