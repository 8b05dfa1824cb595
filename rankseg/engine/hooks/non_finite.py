# SPDX-License-Identifier: Apache-2.0
"""Leaves out steps whose loss or gradient is no finite number."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from rankseg.engine.snapshot import BufferSnapshot
from rankseg.registry import HOOKS

SKIPPED = "step_skipped"  # message of the hub: this iteration's step was left out
COUNTS = "steps_skipped"  # message of the hub, saved in checkpoints: in a row, in the run


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Skips every step with a NaN or infinite loss or gradient.

    A skipped step leaves parameters, optimizer, running statistics, banks, queues, counters of
    pseudo-labels and the teacher as they were, and is named in the log: iteration, terms, files.
    The schedule of learning rates goes on. With gradient accumulation, a step is that of all
    iterations that are added up.

    It works with every optimizer wrapper that calls ``optimizer.step``. Where the optimizer is a
    fused one on a GPU, the device itself decides, as with torch's ``GradScaler``; the host learns
    of it after the step, when mmengine reads the losses for its log and waits for the device
    anyway. Other optimizers are asked before the step. Several processes decide together.
    """

    priority = "HIGH"  # after mmengine has noted the losses, before the teacher moves

    def __init__(self) -> None:
        self._terms: dict[str, Tensor] = {}
        # () float32 on the device, 1 where a number is not finite:
        self._bad_loss = self._bad_step = torch.zeros(())  # this iteration; all that make one step

    # --- the step

    def before_train(self, runner: Runner) -> None:
        """Watch the model and its optimizers."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._buffers = BufferSnapshot(model)
        model.register_forward_pre_hook(self._before_forward, with_kwargs=True)
        model.register_forward_hook(self._after_forward, with_kwargs=True)
        for wrapper in wrappers_of(runner):
            wrapper.optimizer.register_step_pre_hook(self._before_step)

    def _before_forward(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        if kwargs.get("mode") == "loss":
            self._buffers.take()

    def _after_forward(self, model: nn.Module, args: tuple, kwargs: dict, losses: Any) -> None:
        """Keep the terms of the loss, and whether they are finite."""
        if kwargs.get("mode") != "loss":
            return
        self._terms = {
            name: sum(part.detach().float().mean() for part in parts_of(term))
            for name, term in losses.items()
            if "loss" in name  # the terms that mmengine adds up
        }
        self._bad_loss = 1 - sum(self._terms.values()).isfinite().float()
        all_reduce(self._bad_loss, op="max")
        self._bad_step = torch.max(self._bad_step.to(self._bad_loss), self._bad_loss)

    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        """Have the optimizer do nothing if a loss or gradient is not finite."""
        if getattr(optimizer, "grad_scale", None) is not None:
            return  # AmpOptimWrapper: torch's GradScaler decides
        grads = [p.grad for p in parameters_of(optimizer) if p.grad is not None]
        self._bad_step = torch.max(self._bad_step, not_finite(grads).to(self._bad_step))
        if self._device_decides(optimizer):
            optimizer.found_inf = self._bad_step
        elif self._bad_step.item():
            optimizer.zero_grad(set_to_none=True)  # what has no gradient neither moves nor decays

    @staticmethod
    def _device_decides(optimizer: Optimizer) -> bool:
        """Whether the device does; not in the first step, which makes the optimizer's state."""
        return (
            len(optimizer.state) > 0
            and all(group.get("fused") for group in optimizer.param_groups)
            and all(parameter.is_cuda for parameter in parameters_of(optimizer))
        )

    def after_train(self, runner: Runner) -> None:
        """Say how many steps were skipped, if any."""
        _, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
        if in_total:
            runner.logger.warning(
                f"{in_total} of {runner.max_iters} steps were skipped because a loss or gradient "
                "was not finite: search the log for 'step skipped'"
            )

    # --- what is said of it

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Take back what the forward pass has written, count the step and name it."""
        ended = all(wrapper.should_update() for wrapper in wrappers_of(runner))
        bad_loss, bad_step = torch.stack([self._bad_loss, self._bad_step]).tolist()
        skipped = bool(bad_loss or (ended and bad_step))
        runner.message_hub.update_info(SKIPPED, skipped, resumed=False)
        if skipped:
            self._buffers.restore()
        if ended:
            self._bad_step = torch.zeros_like(self._bad_step)
            in_a_row, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
            counts = [in_a_row + 1 if skipped else 0, in_total + skipped]
            runner.message_hub.update_info(COUNTS, counts)
        if skipped:
            self._say(runner, data_batch)

    def _say(self, runner: Runner, data_batch: dict) -> None:
        in_a_row, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
        found = all_gather_object((self.bad_terms(), paths_of(data_batch)))
        terms = sorted({term for terms, _ in found for term in terms})
        files = [path for _, paths in found for path in paths]
        runner.logger.warning(
            f"iteration {runner.iter + 1}: step skipped, "
            f"{', '.join(terms) or 'the loss is finite and its gradient is not'} "
            f"({in_a_row} in a row, {in_total} in this run); files of the batch: "
            f"{', '.join(files) or 'unknown'}"
        )

    def bad_terms(self) -> list[str]:
        """``"loss_x = nan"`` for every term of the latest iteration that is not finite."""
        values = {name: float(value) for name, value in self._terms.items()}
        return [f"{k} = {value}" for k, value in values.items() if not math.isfinite(value)]


def wrappers_of(runner: Runner) -> list[OptimWrapper]:
    """The optimizer wrapper of a run, or all of them where there are several."""
    wrapper = runner.optim_wrapper
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """All that an optimizer changes."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def parts_of(term: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    """A term of a loss as mmengine takes it: a tensor, or several that are added up."""
    return [term] if isinstance(term, Tensor) else term


def paths_of(data_batch: dict) -> list[str]:
    """Files of a batch of views, each once."""
    views = (data_batch or {}).get("data_samples") or {}
    samples = [sample for some in views.values() for sample in some]
    return list(dict.fromkeys(str(sample.get("img_path", "(no path)")) for sample in samples))


def not_finite(gradients: list[Tensor]) -> Tensor:
    """``()`` float32, 1 if a value is NaN or infinite: one pass, without waiting for the device.

    It is the check of torch's ``GradScaler`` with a scale of 1, which leaves every value as it is.
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
