# SPDX-License-Identifier: Apache-2.0
"""Supervised embeddings that CMSF is compared with: SupCon and prototypical networks."""

import torch
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.losses import prototype_loss, supervised_contrast
from rankseg.models.memory.mean_shift import Targets
from rankseg.models.methods.cmsf import CMSF
from rankseg.registry import MODELS


class SupervisedEmbedding(CMSF):
    """Base class: views, target network and memory of CMSF, with another loss and no predictor.

    It takes the arguments of :class:`~rankseg.models.methods.cmsf.CMSF`, without those of its
    neighbors.
    """

    def __init__(
        self, student: dict, temperature: float = 0.1, predictor: dict | None = None, **kwargs
    ) -> None:
        super().__init__(
            student, predictor=predictor, **{"constraint": "label", "free_share": 0.0, **kwargs}
        )
        expect(self.constraint == "label", "model.constraint", "'label'", self.constraint)
        expect(temperature > 0, "model.temperature", "above 0", temperature)
        self.temperature = temperature

    def labels_in_memory(self) -> Tensor:
        """Return the ``(N,)`` classes of the entries, -1 if unknown or not written yet."""
        return torch.where(self.memory.written, self.memory.label, -1)


@MODELS.register_module()
class SupCon(SupervisedEmbedding):
    """Supervised contrastive learning with a memory of a momentum network.

    The positives of an image are all entries of its class in the memory, including its own target.
    All entries are in the denominator. Images without a label do not train.

    Args:
        temperature: Temperature, 0.1 in the paper.
        **kwargs: See the base class.

    Source: Khosla et al. (NeurIPS 2020), eq. 2, whose batches of thousands of images a memory
        replaces; the baseline of CMSF (ECCV 2022), Tables 2 and 5.
    """

    def shift(self, online: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """See the base class."""
        labels, bound = self.labels_in_memory(), targets.label >= 0
        positive = (targets.label[:, None] == labels) & bound[:, None]
        rows = supervised_contrast(
            online, self.memory.feature, positive, self.memory.written, self.temperature
        )
        return rows, bound


@MODELS.register_module()
class ProtoNet(SupervisedEmbedding):
    """Prototypical network whose prototypes are the class means of a memory.

    Images without a label do not train.

    Args:
        temperature: Divisor of the squared distances. It is 1 in the paper, whose embeddings are
            not normalized; 0.1 for embeddings of length 1 is our choice.
        **kwargs: See the base class.

    Source: Snell et al. (NeurIPS 2017), eq. 2; the baseline ProtoNW of CMSF (ECCV 2022), Table 2.
    """

    def shift(self, online: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """See the base class."""
        classes = self.student.decode_head.num_classes
        rows = prototype_loss(
            *(online, self.memory.feature, self.labels_in_memory(), targets.label),
            *(classes, self.temperature),
        )
        return rows, targets.label >= 0
