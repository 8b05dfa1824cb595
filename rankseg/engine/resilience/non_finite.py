# SPDX-License-Identifier: Apache-2.0
"""Leaves out steps whose loss or gradient is no finite number."""

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

from rankseg.engine.method_of import method_of
from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.registry import HOOKS

SKIPPED = "step_skipped"  # message of the hub: the step of this iteration is left out
COUNTS = "steps_skipped"  # message of the hub, saved in checkpoints: in a row, in the run


class Iteration(NamedTuple):
    """One of those whose gradients make a step.

    Attributes:
        number: From 1.
        terms: Terms of the loss, as ``()`` tensors by name, or sentences on those that are bad.
        paths: Files of the batch.
    """

    number: int
    terms: dict[str, Tensor] | list[str]
    paths: list[str]


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Skips every step with a NaN or infinite loss or gradient.

    A skipped step leaves parameters, optimizer, running statistics, banks, queues, counters of
    pseudo-labels and the teacher as they were, and is named in the log: iteration, terms, files.
    The schedule of learning rates goes on. With gradient accumulation, a step is that of all
    iterations that are added up: one bad iteration undoes what the others have written, too. A
    teacher that has followed the student in good ones before it stays where it is.

    It works with every optimizer wrapper that calls ``optimizer.step``. Where the optimizer is a
    fused one on a GPU, the device itself decides, as with torch's ``GradScaler``; the host learns
    of it after the step, when mmengine reads the losses for its log and waits for the device
    anyway. Other optimizers are asked before the step. Several processes decide together.
    """

    priority = "HIGH"  # after mmengine has noted the losses, before the teacher moves

    def __init__(self) -> None:
        self._terms: dict[str, Tensor] = {}
        # of all iterations that make one step: () float32 on the device, 1 if one is not finite
        self._bad = torch.zeros(())
        self._group: list[Iteration] = []
        self._stepped: set[Optimizer] = set()  # those that have their state

    # --- the step

    def before_train(self, runner: Runner) -> None:
        """Watch the model and its optimizers."""
        model = method_of(runner)
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
        """Keep the terms of the loss, and whether they are finite."""
        if kwargs.get("mode") != "loss":
            return
        self._terms = {
            name: sum(part.detach().float().mean() for part in parts_of(term))
            for name, term in losses.items()
            if "loss" in name  # the terms that mmengine adds up
        }
        bad = 1 - sum(self._terms.values()).isfinite().float()
        all_reduce(bad, op="max")
        self._bad = torch.max(self._bad.to(bad), bad)

    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        """Have the optimizer do nothing if a loss or gradient is not finite."""
        if getattr(optimizer, "grad_scale", None) is not None:
            return  # AmpOptimWrapper: torch's GradScaler decides
        grads = [p.grad for p in parameters_of(optimizer) if p.grad is not None]
        self._bad = torch.max(self._bad, not_finite(grads).to(self._bad))
        if self._device_decides(optimizer):
            optimizer.found_inf = self._bad
        elif self._bad.item():
            optimizer.zero_grad(set_to_none=True)  # what has no gradient neither moves nor decays
        else:
            self._stepped.add(optimizer)

    def _device_decides(self, optimizer: Optimizer) -> bool:
        """Whether the device does; not in the first step, which makes the optimizer's state."""
        return (
            (optimizer in self._stepped or len(optimizer.state) > 0)
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
        self._group.append(Iteration(runner.iter + 1, self._terms, paths_of(data_batch)))
        ended = all(wrapper.should_update() for wrapper in wrappers_of(runner))
        skipped = bool(self._bad.item())
        runner.message_hub.update_info(SKIPPED, skipped)
        if skipped:  # also within a group: it may be validated or saved
            self._buffers.restore()
        if not ended:
            return
        in_a_row, in_total = runner.message_hub.get_info(COUNTS, [0, 0])
        counts = [in_a_row + 1 if skipped else 0, in_total + skipped]
        runner.message_hub.update_info(COUNTS, counts)
        if skipped:
            self._say(runner, counts)
        self._bad, self._group = torch.zeros_like(self._bad), []

    def _say(self, runner: Runner, counts: list[int]) -> None:
        """Name the step, the terms, and the files of the iterations in which they were bad."""
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
    """``"loss_x = nan"`` for every term of an iteration that is not finite."""
    values = {name: float(value) for name, value in terms.items()}
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
