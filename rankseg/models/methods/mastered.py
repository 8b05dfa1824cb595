# SPDX-License-Identifier: Apache-2.0
"""Mixin that adds a master network above the teacher, used to discover labels."""

from typing import Any

from torch import nn

from rankseg.models.methods.base import Method
from rankseg.models.methods.image_level import refuse_masks
from rankseg.models.pool import DiscoveredPool
from rankseg.models.teacher import TEACHER, build_teacher


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

    def __init__(self, student: dict, master: dict | None = None, **kwargs) -> None:
        super().__init__(student, **kwargs)
        self.master = None
        if master is not None:
            if self.teacher is None or not {"momentum"} <= set(master) <= {"momentum", "warmup"}:
                raise ValueError(
                    f"model.master={dict(master)}: expected dict(momentum=0.001), and where wanted "
                    f"warmup=True, together with model.teacher={TEACHER}"
                )
            self.master = build_teacher(self.teacher.module, **master)
        self.pool = DiscoveredPool(self.student.decode_head.num_classes)

    def check_dataset(self, dataset: Any) -> None:
        """See the base class.

        Raises:
            ValueError: If labels are masks.
        """
        refuse_masks(dataset, self)

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
