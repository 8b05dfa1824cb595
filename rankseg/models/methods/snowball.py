# SPDX-License-Identifier: Apache-2.0
"""Snowball: student, teacher and master networks with label discovery."""

import torch
from torch import Tensor

from rankseg.models.losses import probability_consistency
from rankseg.models.methods.base import Output
from rankseg.models.methods.mastered import Mastered
from rankseg.models.methods.mean_teacher import MeanTeacher
from rankseg.registry import MODELS
from rankseg.structures import LABELED, TWIN


@MODELS.register_module()
class Snowball(Mastered, MeanTeacher):
    r"""Mean Teacher plus consistency with a master on labeled and discovered images.

    .. math::
        L = L_x + r(t) \, w \, (L_{teacher} + w_M \, L_{master})

    The master guides the student on labeled and discovered images, starting with the first
    discovery. Until then, or without any discovery, the loss is that of Mean Teacher, as the paper
    states for training with all labels. If a batch has a second draw of these images, the master
    sees that draw.

    Args:
        master_weight: ``w_M``, 1 in the paper.
        consistency_weight: ``w``, see :class:`~rankseg.models.methods.mean_teacher.MeanTeacher`. 0
            is self-training without guidance; batches then need only labeled images
            (``sampler=dict(labeled_only=True)``).
        **kwargs: Arguments of :class:`~rankseg.models.methods.mean_teacher.MeanTeacher` and
            :class:`~rankseg.models.methods.mastered.Mastered`. Without ``master`` this is Mean
            Teacher with sample discovery.

    Raises:
        ValueError: If ``master_weight`` is negative.

    Source: Snowball (dissertation "Learning with few labels", chapter 2), eq. 2.1 to 2.7.
    """

    def __init__(
        self,
        student: dict,
        master_weight: float = 1.0,
        consistency_weight: float = 100.0,
        **kwargs,
    ) -> None:
        super().__init__(student, consistency_weight=consistency_weight, **kwargs)
        if master_weight < 0:
            raise ValueError(f"model.master_weight={master_weight}: expected 0 or more")
        self.master_weight = master_weight
        if not consistency_weight:
            self.views = (LABELED,)

    def consistency(
        self, outputs: list[Output], inputs: dict[str, Tensor], data_samples: dict[str, list]
    ) -> tuple[Tensor, Tensor]:
        """Compute consistency with the teacher and, after the first discovery, with the master."""
        term, wanted = super().consistency(outputs, inputs, data_samples)
        if self.master is not None and self.master_weight and len(self.pool):
            term = term + self.master_weight * self.master_consistency(outputs[0], inputs)
        return term, wanted

    def master_consistency(self, output: Output, inputs: dict[str, Tensor]) -> Tensor:
        """Compute the squared difference of student and master probabilities on labeled images.

        Args:
            output: Output of the student for the labeled images.
            inputs: The views of the batch.

        Source: Eq. 2.7, second term.
        """
        images = inputs.get(TWIN, inputs[LABELED])
        wanted = self.run_frozen("master", images).logits.float()
        mine = self.compared(output).float()
        valid = torch.ones_like(mine[:, 0], dtype=torch.bool)
        return probability_consistency(mine, wanted, valid)
