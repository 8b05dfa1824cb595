# SPDX-License-Identifier: Apache-2.0
"""RankMatch: UniMatch with rank-aware correlation consistency."""

from torch import Tensor

from rankseg.models.layers import at_positions, find_module
from rankseg.models.methods.base import Output
from rankseg.models.methods.fixmatch import Target
from rankseg.models.methods.unimatch import UniMatch
from rankseg.registry import MODELS


@MODELS.register_module()
class RankMatch(UniMatch):
    r"""UniMatch plus consistency of how pixels rank a set of agents.

    .. math:: L = L_{UniMatch} + (L_{rank_1} + L_{rank_2}) / 2

    with the weight 0.1 of the paper inside the rank loss. The agents come from the weak view's
    features, pasted with the boxes of the strong view. Nothing else is added to a UniMatch step:
    no forward pass, and no feature map larger than the tapped one.

    Args:
        feature_tap: Dotted name of the student's submodule whose output is compared; the paper
            takes the output of the ASPP module.
        rank: Arguments of :class:`~rankseg.models.losses.RankCorrelationLoss`.
        mask_padding: Leave padding out of the rank loss; the released code counts it.
        **kwargs: Of :class:`~rankseg.models.methods.unimatch.UniMatch`.

    Raises:
        ValueError: If the student has no submodule of that name.

    Source: RankMatch (CVPR 2024), eq. 9.
    """

    def __init__(
        self,
        student: dict,
        feature_tap: str = "decode_head.bottleneck",
        rank: dict | None = None,
        mask_padding: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        find_module(self.student, feature_tap)
        self.feature_tap = feature_tap
        self.rank_loss = MODELS.build({"type": "RankCorrelationLoss", **(rank or {})})
        self.mask_padding = mask_padding

    def strong_terms(self, outputs: list[Output], targets: list[Target]) -> dict[str, Tensor]:
        """Pixel consistency and rank consistency of each strong view."""
        terms = super().strong_terms(outputs, targets)
        for i, (output, target) in enumerate(zip(outputs, targets, strict=True), 1):
            valid = None
            if self.mask_padding:
                valid = at_positions(target.pseudo.valid, output.feature.shape[2:])
            terms[f"loss_rank{i}"] = self.rank_loss(target.feature, output.feature, valid=valid)
        return terms
