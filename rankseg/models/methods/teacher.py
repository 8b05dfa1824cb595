# SPDX-License-Identifier: Apache-2.0
"""The teacher, an average of the student's weights over time."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rankseg.errors import expect

TEACHER = "dict(momentum=0.004), optionally with buffers=False or warmup=9"
OPTIONS = {"momentum", "buffers", "warmup", "early_momentum", "early_steps"}


class Teacher(AveragedModel):
    """PyTorch's ``AveragedModel``, whose update does not wait for the device.

    ``AveragedModel`` reads the number of updates back twice per update. Here the host counts along,
    and reads the number only after it was loaded from a checkpoint or restored.
    """

    _counted: tuple[Tensor, int, int] | None = None  # the buffer, its version, its value

    def _count(self) -> int:
        """Return the number of updates so far."""
        known = self._counted
        if known is None or known[0] is not self.n_averaged or known[1] != known[0]._version:
            return int(self.n_averaged)
        return known[2]

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the average toward a model; the first update copies it."""
        count, groups = self._count(), defaultdict(list)
        pairs = zip(self._averaged(self.module), self._averaged(model), strict=True)
        for average, current in pairs:
            if average is not current:  # see share_frozen
                pair = average.detach(), current.detach()
                groups[average.device, average.dtype].append(pair)
        for some in groups.values():
            averages, currents = map(list, zip(*some, strict=True))
            if count == 0:
                torch._foreach_copy_(averages, currents)
            else:
                self.multi_avg_fn(averages, currents, self.n_averaged)
        if not self.use_buffers:
            for average, current in zip(self.module.buffers(), model.buffers(), strict=True):
                average.copy_(current)
        self.n_averaged += 1
        self._counted = self.n_averaged, self.n_averaged._version, count + 1

    def _averaged(self, model: nn.Module) -> list[Tensor]:
        """Return the tensors of a model that are averaged."""
        return list(chain(model.parameters(), model.buffers() if self.use_buffers else ()))


def build_teacher(
    student: nn.Module,
    momentum: float,
    buffers: bool = True,
    warmup: bool | float = False,
    early_momentum: float | None = None,
    early_steps: int = 0,
) -> Teacher:
    """Build an exponential moving average of the student; see ``Method`` for the options."""
    share = "the share of the student in an update, above 0 and at most 1, such as 0.004"
    expect(0 < momentum <= 1, "model.teacher.momentum", share, momentum)
    wanted = "True, False, or a number of 0 or more, such as 9"
    expect(warmup >= 0, "model.teacher.warmup", wanted, warmup)
    average = get_ema_multi_avg_fn(1 - momentum)
    if warmup:
        average = partial(move_by_age, momentum, warmup=warmup)
    if early_momentum is not None or early_steps:
        expect(
            0 < (early_momentum or 0) <= 1, "model.teacher.early_momentum", share, early_momentum
        )
        wanted = "1 or more with early_momentum"
        expect(early_steps >= 1, "model.teacher.early_steps", wanted, early_steps)
        expect(not warmup, "model.teacher.warmup", "False with early_momentum", warmup)
        average = partial(move_in_two_steps, momentum, early_momentum, early_steps)
    teacher = Teacher(student, multi_avg_fn=average, use_buffers=buffers)
    teacher.requires_grad_(False).eval()
    if any(parameter.requires_grad for parameter in student.parameters()):  # no average itself
        share_frozen(student, teacher.module)
    return teacher


def share_frozen(student: nn.Module, teacher: nn.Module) -> None:
    """Let a teacher use the student's own frozen parameters, which are equal, to save memory."""
    for name, parameter in student.named_parameters():
        if not parameter.requires_grad:
            parent, _, leaf = name.rpartition(".")
            setattr(teacher.get_submodule(parent), leaf, parameter)


@torch.no_grad()
def move_by_age(
    momentum: float,
    averages: Sequence[Tensor],
    currents: Sequence[Tensor],
    age: Tensor,
    warmup: bool | float = 1,
) -> None:
    """Update averages in place by ``max(momentum, w / (age + w))``; ``w = 1`` is at first the mean.

    Larger ``w`` forget earlier weights faster: the average covers the latest ``1 / w`` of the run.

    Source: Mean Teacher (NeurIPS 2017), released code, for ``w = 1``; the ``num_updates`` of
    TensorFlow's ``ExponentialMovingAverage`` for ``w = 9``.
    """
    move_by_share((warmup / (age + warmup)).clamp(min=momentum), averages, currents)


@torch.no_grad()
def move_in_two_steps(
    momentum: float,
    early_momentum: float,
    early_steps: int,
    averages: Sequence[Tensor],
    currents: Sequence[Tensor],
    age: Tensor,
) -> None:
    """Update averages in place by ``early_momentum`` in the first updates, then by ``momentum``.

    The first update copies the student.

    Source: Mean Teacher (NeurIPS 2017), released code in TensorFlow: a decay of 0.99 in the first
    40,000 steps, then 0.999.
    """
    early = torch.full((), early_momentum, device=age.device)
    move_by_share(torch.where(age < early_steps, early, momentum), averages, currents)


def move_by_share(share: Tensor, averages: Sequence[Tensor], currents: Sequence[Tensor]) -> None:
    """Move averages in place by a share of the way to the current tensors; copy integers."""
    for average, current in zip(averages, currents, strict=True):
        if average.is_floating_point():
            average.lerp_(current, share.to(average))
        else:
            average.copy_(current)
