# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher: the student's prediction is drawn to that of an average of its weights."""

import torch
from torch import Tensor

from rankseg.models.layers import find_module
from rankseg.models.losses import probability_consistency
from rankseg.models.methods.base import Method, Output
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, strong


@MODELS.register_module()
class MeanTeacher(Method):
    r"""Consistency of probabilities between the student and its moving average.

    .. math:: L = L_x + r(t) \, w \, L_{consistency}

    The student sees the first strong view, the teacher the weak one; in classification the strong
    view may be a second draw of the weak augmentation, as in the paper.

    Args:
        consistency_weight: ``w``. 0 leaves the term, and the teacher's forward pass, out.
        consistency_tap: None compares the logits. The name of a branch of the head, such as
            ``decode_head.branches.consistency``, compares this second output of ``K`` values
            instead, and draws it to the logits on the labelled and unlabelled images.
        distance_weight: Weight of that, the mean squared difference of the student's two outputs;
            it counts from the first iteration.
        **kwargs: Of :class:`~rankseg.models.methods.base.Method`; ``teacher`` is needed, and
            ``ramp`` with ``ramp_shape="sigmoid"`` is ``r(t)`` of the paper.

    Raises:
        ValueError: If a weight is negative, there is no teacher or no such branch.

    Source: Tarvainen and Valpola, NeurIPS 2017, and its released code (two outputs).
    """

    views = (LABELED, WEAK, strong(1))

    def __init__(
        self,
        student: dict,
        consistency_weight: float = 100.0,
        consistency_tap: str | None = None,
        distance_weight: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        for name, value in (("consistency", consistency_weight), ("distance", distance_weight)):
            if value < 0:
                raise ValueError(f"model.{name}_weight={value}: expected 0 or more")
        if consistency_weight and self.teacher is None:
            raise ValueError(
                f"{type(self).__name__} compares with a teacher: set "
                "model.teacher=dict(momentum=0.03), or consistency_weight=0"
            )
        if consistency_tap is not None:
            find_module(self.student, consistency_tap)
        self.feature_tap = consistency_tap
        self.consistency_weight = consistency_weight
        self.distance_weight = distance_weight

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """One step; see the class for the formula."""
        ramp = self.unsupervised_weight() * self.consistency_weight
        labeled = inputs[LABELED]
        if ramp == 0:
            output = self.run(self.student, labeled, labeled=len(labeled))
            losses = {"loss_x": self.supervised_loss(output, data_samples[LABELED])}
            return self.with_distance(losses, [output])
        output, student = self.run(
            self.student, torch.cat((labeled, inputs[strong(1)])), labeled=len(labeled)
        ).split([len(labeled), len(inputs[strong(1)])])
        losses = {"loss_x": self.supervised_loss(output, data_samples[LABELED])}
        teacher = self.run_frozen("teacher", inputs[WEAK])
        losses["loss_consistency"] = ramp * self.consistency(student, teacher, data_samples)
        return self.with_distance(losses, [output, student])

    def consistency(self, student: Output, teacher: Output, data_samples: dict) -> Tensor:
        """Consistency of two outputs for the unlabelled images; their pseudo-labels are counted."""
        valid = torch.cat([sample.valid.data for sample in data_samples[WEAK]])
        mine, wanted = (
            self.upsample(self.compared(output), valid.shape[1:]) for output in (student, teacher)
        )
        self.track(wanted.argmax(1), valid, data_samples[WEAK])
        return probability_consistency(mine, wanted, valid)

    def compared(self, output: Output) -> Tensor:
        """The output that is compared: logits, or the tapped second ones, ``(B, K, h, w)``."""
        return output.logits if self.feature_tap is None else output.feature

    def with_distance(self, losses: dict[str, Tensor], outputs: list[Output]) -> dict[str, Tensor]:
        """Add what keeps the student's two outputs together, if it has two."""
        if self.feature_tap is not None:
            gaps = [output.logits.float() - self.compared(output).float() for output in outputs]
            losses["loss_distance"] = self.distance_weight * torch.cat(gaps).square().mean()
        return losses
