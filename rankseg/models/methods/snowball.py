# SPDX-License-Identifier: Apache-2.0
"""Snowball: student, teacher and master networks with label discovery."""

import torch
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.losses import probability_consistency, soft_squared_error
from rankseg.models.memory.pool import DiscoveredPool
from rankseg.models.methods.base import Method, Output
from rankseg.models.methods.mean_teacher import MeanTeacher
from rankseg.models.methods.mixmatch import MixMatch
from rankseg.models.methods.teacher import TEACHER, build_teacher
from rankseg.registry import MODELS
from rankseg.structures import LABELED, TWIN


class Mastered(Method):
    r"""Mixin (``class Mine(Mastered, MixMatch)``) that adds a master and a pool of images.

    .. math:: M \leftarrow (1 - \beta) M + \beta \, T

    :class:`~rankseg.engine.hooks.DiscoveryHook` discovers images with the master's features
    (``network="master"``) and puts them into ``pool``. From then on they are sampled as labeled
    images.

    Args:
        master: ``dict(momentum=beta)``, optionally with ``warmup=True``, as for ``teacher``. None
            creates no master, and another network discovers images.
        **kwargs: Arguments of the method.

    Raises:
        ValueError: If ``master`` is not such a dict, or there is no teacher.

    Source: Snowball (dissertation "Learning with few labels", chapter 2), eq. 2.6.
    """

    needs_image_labels = True

    def __init__(self, student: dict, master: dict | None = None, **kwargs) -> None:
        super().__init__(student, **kwargs)
        self.master = None
        if master is not None:
            valid = {"momentum"} <= set(master) <= {"momentum", "warmup"}
            wanted = "dict(momentum=0.001), optionally with warmup=True"
            expect(valid, "model.master", wanted, dict(master))
            wanted = f"the network that model.master follows, {TEACHER}"
            expect(self.teacher is not None, "model.teacher", wanted, None)
            self.master = build_teacher(self.teacher.module, **master)
        self.pool = DiscoveredPool(self.student.decode_head.num_classes)

    def init_weights(self) -> None:
        """Initialize as the base class does; the master starts as a copy of the teacher."""
        super().init_weights()
        if self.master is not None:
            self.master.module.load_state_dict(self.teacher.module.state_dict())

    def train(self, mode: bool = True) -> "Mastered":
        """Set the mode of the student; the master stays in eval mode."""
        super().train(mode)
        if self.master is not None:
            self.master.eval()
        return self

    def update_teacher(self) -> None:
        """Move the teacher toward the student, then the master toward the teacher."""
        super().update_teacher()
        if self.master is not None:
            self.master.update_parameters(self.teacher.module)

    def network(self, name: str) -> nn.Module:
        """Return the student, the teacher or the master by name."""
        if name == "master" and self.master is not None:
            return self.master.module
        return super().network(name)

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; a missing master starts as a copy of the teacher."""
        if self.master is not None:
            teacher, student = f"{prefix}teacher.module.", f"{prefix}student."
            source = teacher if any(key.startswith(teacher) for key in state_dict) else student
            for key in [key for key in state_dict if key.startswith(source)]:
                name = f"{prefix}master.module.{key[len(source) :]}"
                state_dict.setdefault(name, state_dict[key])
        super().complete_state(state_dict, prefix)


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
            :class:`~rankseg.models.methods.snowball.Mastered`. Without ``master`` this is Mean
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
        expect(master_weight >= 0, "model.master_weight", "0 or more", master_weight)
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

        Source: Eq. 2.7, second term.
        """
        images = inputs.get(TWIN, inputs[LABELED])
        wanted = self.run_frozen("master", images).logits.float()
        mine = self.compared(output).float()
        valid = torch.ones_like(mine[:, 0], dtype=torch.bool)
        return probability_consistency(mine, wanted, valid)


@MODELS.register_module()
class SnowballMixMatch(Mastered, MixMatch):
    r"""MixMatch on labeled and discovered images; the master discovers images.

    .. math:: L = L_{MixMatch} + r(t) \, w_M \, L_{master}

    Augmentation and loss of MixMatch train the student (section 2.4.1). Section 2.1 says that the
    master also guides it; with ``master_weight`` above 0 its predictions for the mixed images that
    count as labeled are compared with the student's, as in eq. 2.7, starting with the first
    discovery. The chapter does not state whether it guides in combination with MixMatch, nor a
    weight. Our results were measured without guidance, which is the default.

    Discovered images are confident but far from their class center
    (``select=dict(type="nearest_centers", keep="far")`` of
    :class:`~rankseg.engine.hooks.DiscoveryHook`). The nearest images are too similar to the labeled
    ones, with which MixMatch mixes all images anyway.

    Args:
        master_weight: ``w_M``; 0 skips the term and the master's forward pass.
        master: See :class:`~rankseg.models.methods.snowball.Mastered`.
        **kwargs: Arguments of :class:`~rankseg.models.methods.mixmatch.MixMatch`.

    Raises:
        ValueError: If ``master_weight`` is negative, or above 0 without a master.

    Source: Snowball (dissertation "Learning with few labels", chapter 2), sections 2.1 and 2.4.1
        (4).
    """

    def __init__(
        self, student: dict, master_weight: float = 0.0, master: dict | None = None, **kwargs
    ) -> None:
        super().__init__(student, master=master, **kwargs)
        expect(master_weight >= 0, "model.master_weight", "0 or more", master_weight)
        guided = not master_weight or master is not None
        expect(guided, "model.master", "dict(momentum=0.001) with model.master_weight", None)
        self.master_weight = master_weight

    def guidance(self, images: Tensor, logits: Tensor) -> dict[str, Tensor]:
        """See the base class; the master guides after the first discovery."""
        if not self.master_weight or not len(self.pool):
            return {}
        wanted = self.run_frozen("master", images).logits.flatten(1).float().softmax(1)
        weight = self.unsupervised_weight() * self.master_weight
        return {"loss_master": weight * soft_squared_error(logits, wanted)}
