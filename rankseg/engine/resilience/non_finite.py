# SPDX-License-Identifier: Apache-2.0
"""Hook that skips optimizer steps whose loss or gradient is not finite."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.engine.unwrap import unwrap_method
from rankseg.registry import HOOKS

SKIPPED = "step_skipped"  # message hub key: the step of this iteration was skipped
COUNTS = "steps_skipped"  # message hub key, saved in checkpoints: skips [in a row, in total]


class Iteration(NamedTuple):
    """Iteration, counted from 1, that contributes gradients to an optimizer step.

    ``terms`` are loss terms as ``()`` tensors by name, or descriptions of the non-finite ones.
    """

    number: int
    terms: dict[str, Tensor] | list[str]
    paths: list[str]


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Hook that skips every step with a NaN or infinite loss or gradient.

    A skipped step does not change parameters, optimizer state, running statistics, memory banks,
    queues, pseudo-label counters or the teacher. The log names the iteration, the loss terms and
    the files. Learning rate schedules advance. With gradient accumulation, a step covers all
    accumulated iterations: one bad iteration also undoes the buffer updates of the others.
    Teacher updates of earlier good iterations in the group are kept.

    The hook works with every optimizer wrapper that calls ``optimizer.step``. With a fused
    optimizer on a GPU the device decides, as with PyTorch's ``GradScaler``. The host reads the
    decision after the step, when MMEngine synchronizes for its log anyway. For other optimizers
    the hook checks before the step. All processes decide together.
    """

    priority = "HIGH"  # after mmengine records the losses, before the teacher update

    def __init__(self) -> None:
        self._terms: dict[str, Tensor] = {}
        # () float32 on the device: 1 if any iteration of the current step is not finite
        self._bad = torch.zeros(())
        self._group: list[Iteration] = []
        self._stepped: set[Optimizer] = set()  # optimizers with initialized state

    # --- the step

    def before_train(self, runner: Runner) -> None:
        """Register hooks on the model and its optimizers."""
        model = unwrap_method(runner)
        self._buffers = BufferSnapshot(model)
        self._group, self._stepped = [], set()
        model.register_forward_pre_hook(self._before_forward, with_kwargs=True)
        model.register_forward_hook(self._after_forward, with_kwargs=True)
        for wrapper in wrappers_of(runner):
            wrapper.optimizer.register_step_pre_hook(self._before_step)

    def _before_forward(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        if kwargs.get("mode") == "loss" and not self._group:
            self._buffers.take()

    def _after_forward(self, model: nn.Module, args: tuple, kwargs: dict, losses: Any) -> None:
        """Record the loss terms and whether they are finite."""
        if kwargs.get("mode") != "loss":
            return
        self._terms = {
            name: sum(part.detach().float().mean() for part in parts_of(term))
            for name, term in losses.items()
            if "loss" in name  # the terms that mmengine sums
        }
        bad = 1 - sum(self._terms.values()).isfinite().float()
        all_reduce(bad, op="max")
        self._bad = torch.max(self._bad.to(bad), bad)

    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        """Make the optimizer skip its step if a loss or gradient is not finite."""
        if getattr(optimizer, "grad_scale", None) is not None:
            return  # AmpOptimWrapper: torch's GradScaler decides
        grads = [p.grad for p in parameters_of(optimizer) if p.grad is not None]
        self._bad = torch.max(self._bad, not_finite(grads).to(self._bad))
        if self._device_decides(optimizer):
            optimizer.found_inf = self._bad
        elif self._bad.item():
            optimizer.zero_grad(set_to_none=True)  # without gradients nothing is updated or decayed
        else:
            self._stepped.add(optimizer)

    def _device_decides(self, optimizer: Optimizer) -> bool:
        """Return True if the device decides; the first step creates state, so never there."""
        return (
            (optimizer in self._stepped or len(optimizer.state) > 0)
            and all(group.get("fused") for group in optimizer.param_groups)
            and all(parameter.is_cuda for parameter in parameters_of(optimizer))
        )

    def after_train(self, runner: Runner) -> None:
        """Log how many steps were skipped, if any."""
        _, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
        if in_total:
            runner.logger.warning(
                f"{in_total} of {runner.max_iters} steps were skipped because a loss or gradient "
                "was not finite. Search the log for 'step skipped'."
            )

    # --- logging

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Restore buffers after a skipped step, count the step and log it."""
        self._group.append(Iteration(runner.iter + 1, self._terms, paths_of(data_batch)))
        ended = all(wrapper.should_update() for wrapper in wrappers_of(runner))
        skipped = bool(self._bad.item())
        runner.message_hub.update_info(SKIPPED, skipped)
        if skipped:  # also within a group, which may be validated or saved
            self._buffers.restore()
        if not ended:
            return
        in_a_row, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
        counts = [in_a_row + 1 if skipped else 0, in_total + skipped]
        runner.message_hub.update_info(COUNTS, counts)
        if skipped:
            self._log(runner, counts)
        self._bad, self._group = torch.zeros_like(self._bad), []

    def _log(self, runner: Runner, counts: list[int]) -> None:
        """Log the step, its non-finite terms and the files of the bad iterations."""
        mine = [one._replace(terms=bad_terms(one.terms)) for one in self._group]
        found = [one for some in all_gather_object(mine) for one in some]
        bad = {one.number for one in found if one.terms}
        terms = sorted({term for one in found for term in one.terms})
        files = [path for one in found if one.number in bad or not bad for path in one.paths]
        first, last = self._group[0].number, self._group[-1].number
        step, where = f"iteration {last}", ""
        if first < last:
            step = f"iterations {first} to {last}"
            where = f" in {', '.join(map(str, sorted(bad)))}" if bad else ""
        runner.logger.warning(
            f"{step}: step skipped, "
            f"{', '.join(terms) or 'the loss is finite and its gradient is not'}{where} "
            f"({counts[0]} in a row, {counts[1]} in this run); files of the batch: "
            f"{', '.join(files) or 'unknown'}"
        )


def bad_terms(terms: dict[str, Tensor]) -> list[str]:
    """Describe every non-finite loss term of an iteration, such as ``"loss_x = nan"``."""
    values = {name: float(value) for name, value in terms.items()}
    return [f"{k} = {value}" for k, value in values.items() if not math.isfinite(value)]


def wrappers_of(runner: Runner) -> list[OptimWrapper]:
    """Return the optimizer wrappers of a run, one or several."""
    wrapper = runner.optim_wrapper
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """Return all parameters of an optimizer."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def parts_of(term: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the tensors of a loss term, which MMEngine sums."""
    return [term] if isinstance(term, Tensor) else term


def paths_of(data_batch: dict) -> list[str]:
    """Return the files of a batch of views, without duplicates."""
    views = (data_batch or {}).get("data_samples") or {}
    samples = [sample for some in views.values() for sample in some]
    return list(dict.fromkeys(str(sample.get("img_path", "(no path)")) for sample in samples))


def not_finite(gradients: list[Tensor]) -> Tensor:
    """Return ``()`` float32, 1 if a value is NaN or infinite, without a device synchronization.

    This uses the check of PyTorch's ``GradScaler`` with a scale of 1, which changes no value.
    """
    flags = []
    for device in {gradient.device for gradient in gradients}:
        flag, one = torch.zeros((), device=device), torch.ones((), device=device)
        here = [gradient for gradient in gradients if gradient.device == device]
        for dtype in {gradient.dtype for gradient in here}:
            some = [gradient for gradient in here if gradient.dtype == dtype]
            torch._amp_foreach_non_finite_check_and_unscale_(some, flag, one)
        flags.append(flag.to(gradients[0].device))
    return torch.stack(flags).max() if flags else torch.zeros(())
