# SPDX-License-Identifier: Apache-2.0
"""PrevMatch: UniMatch with a second set of pseudo-labels from earlier weights."""

import copy
from typing import Any

import torch
from mmengine.logging import MessageHub
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.methods.base import valid_pixels
from rankseg.models.methods.target import Target
from rankseg.models.methods.teacher import share_frozen
from rankseg.models.methods.unimatch import UniMatch
from rankseg.models.segmentors.student import Output
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, PseudoLabel, mix

BEST = "best_score"  # MMEngine's checkpoint hook notes it under a name that begins so


@MODELS.register_module()
class PrevMatch(UniMatch):
    r"""UniMatch with guidance by a random ensemble of the student's earlier weights.

    .. math:: L = (L_x + L_u + \lambda L_{prev}) / (2 + \lambda)

    ``L_u`` are the terms of UniMatch. ``L_prev`` has the same terms with pseudo-labels from the
    earlier weights: in every step one to ``members`` of them are drawn, and their logits are
    averaged with random weights (uniform on the simplex). ``lambda`` rises linearly from 0 to 1
    until the middle of the training and falls back to 0. The weights are those after each
    validation that was the best so far (by the first metric of ``save_best`` of the checkpoint
    hook); the latest ``size`` are kept. Until the first validation the method equals UniMatch.

    Args:
        size: Number of earlier weights kept. Each takes the memory of the student.
        members: Largest number of them in a step.
        previous_threshold: Minimum confidence of their pseudo-labels.
        interval: Take weights every so many iterations in place of the best ones. Needed without
            validation images.
        **kwargs: Arguments of :class:`~rankseg.models.methods.unimatch.UniMatch`.

    Raises:
        ValueError: If a number is out of range.

    Source: Shin et al., Revisiting and Maximizing Temporal Knowledge in Semi-supervised Semantic
        Segmentation (arXiv:2405.20610), and released code. Differences: ``lambda`` depends on the
        iteration instead of the epoch, and Cityscapes uses the threshold instead of the mean
        confidence of an image.
    """

    OF_ONE_RUN = ("previous",)

    def __init__(
        self,
        student: dict,
        size: int = 8,
        members: int = 3,
        previous_threshold: float = 0.9,
        interval: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        for name, value in (("size", size), ("members", members), ("interval", interval)):
            if value is not None and value < 1:
                raise ValueError(f"Expected model.{name} to be at least 1, but got {value}.")
        wanted = "a probability, 0 to 1"
        expect(0 <= previous_threshold <= 1, "model.previous_threshold", wanted, previous_threshold)
        cure = "PrevMatch compares earlier weights on the student's own weak views."
        expect(not self.single_pass, "model.single_pass", "False", True, cure)
        self.members = members
        self.previous_threshold = previous_threshold
        self.interval = interval
        copies = [copy.deepcopy(self.student) for _ in range(size)]
        for one in copies:
            share_frozen(self.student, one)
        self.previous = nn.ModuleList(copies).requires_grad_(False).eval()
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))
        self.register_buffer("best", torch.full((), -1.0, dtype=torch.float64))
        self._mirror: tuple[int, float] | None = None  # of the buffers, to read them without a wait

    @classmethod
    def make_tiny(cls, config: dict, cells: int) -> None:
        """See the base class; also takes weights in every iteration."""
        super().make_tiny(config, cells)
        config.update(size=2, interval=1)

    def train(self, mode: bool = True) -> "PrevMatch":
        """Set the mode; earlier weights stay in eval mode."""
        super().train(mode)
        self.previous.eval()
        return self

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; earlier weights that a checkpoint lacks are those of the student."""
        super().complete_state(state_dict, prefix)
        for i in range(len(self.previous)):
            for name, tensor in self.previous[i].state_dict().items():
                given = state_dict.get(f"{prefix}student.{name}", tensor)
                state_dict.setdefault(f"{prefix}previous.{i}.{name}", given)
        self._mirror = None

    def check_run(self, cfg: Any) -> None:
        """See the base class; without ``interval``, the run must note its best validation."""
        hook = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
        if self.interval is not None or (cfg.get("val_dataloader") and hook.get("save_best")):
            return
        found = (
            f"default_hooks.checkpoint.save_best={hook.get('save_best')}"
            if cfg.get("val_dataloader")
            else "no validation images"
        )
        raise ValueError(
            "Expected validations and a metric in default_hooks.checkpoint.save_best, as PrevMatch "
            f"keeps the weights after each best validation, but got {found}. Set save_best='mIoU', "
            "or model.interval=500 to keep weights every 500 iterations."
        )

    # --- earlier weights

    def take_weights(self) -> int:
        """Keep the student's weights if they are due.

        Returns:
            The number of earlier weights that there are.
        """
        if self._mirror is None:
            self._mirror = int(self.taken), float(self.best)
        taken, known = self._mirror
        hub = MessageHub.get_current_instance()
        if self.interval is None:
            best = next((v for k, v in hub.runtime_info.items() if k.startswith(BEST)), None)
            due = best is not None and float(best) != known
            known = float(best) if due else known
        else:
            step = hub.get_info("iter", 0)
            due = step > 0 and step % self.interval == 0
        if due:
            self.previous[taken % len(self.previous)].load_state_dict(self.student.state_dict())
            taken += 1
            self.taken.fill_(taken)
            self.best.fill_(known)
            self._mirror = taken, known
        return min(taken, len(self.previous))

    @torch.no_grad()
    def previous_target(self, images: Tensor, valid: Tensor, count: int) -> Target:
        """Compute pseudo-labels by a random ensemble of earlier weights.

        Args:
            images: ``(B, 3, H, W)`` weak views.
            valid: ``(B, H, W)`` bool, at label size.
            count: Number of earlier weights that there are, at least 1.
        """
        logits = sum(
            share * self.upsample(self.run(self.previous[one], images).logits, valid.shape[1:])
            for one, share in draw_ensemble(count, self.members)
        )
        probability = logits.softmax(1)
        confidence, label = probability.max(1)
        soft = probability if self.soft_labels else None
        return Target(PseudoLabel(label, confidence, valid), None, soft)

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the terms of one step; see the class for the formula."""
        count = self.take_weights()
        ramp = self.unsupervised_weight()
        if ramp == 0:
            return self.supervised_step(inputs, data_samples)
        valid = valid_pixels(data_samples[WEAK])
        partner = self.partner(inputs, data_samples)
        labeled, weak, _, perturbed = self.run_views(
            inputs[LABELED], inputs[WEAK], feature_dropout=self.feature_dropout
        )
        target = self.target(weak, inputs[WEAK], valid)
        boxes = self.draw_boxes(inputs[WEAK])
        views, targets = self.mixed_views(inputs, target, partner, boxes)
        outputs = self.run_views(*views, labeled=False)
        terms = self.strong_terms(outputs, targets)
        terms["loss_fp"] = self.feature_weight * self.consistency(perturbed, target)
        losses = self.combine(labeled, target, terms, ramp, data_samples)
        if count == 0:
            return losses
        previous = self.previous_target(inputs[WEAK], valid, count)
        source = None
        if partner is not None:
            other = valid_pixels(data_samples[mix(WEAK)])
            source = self.previous_target(inputs[mix(WEAK)], other, count)
        pasted = self.mixed_targets(previous, source, boxes, tuple(inputs[WEAK].shape[2:]))
        share = self.previous_weight()
        losses = {
            name: value * 2 / (2 + share) if name.startswith("loss_") else value
            for name, value in losses.items()
        }
        weight = self.strong_weight / self.strong_views
        guided = {
            f"loss_prev_s{i}": weight * self.guided(output, wanted)
            for i, (output, wanted) in enumerate(zip(outputs, pasted, strict=True), 1)
        }
        guided["loss_prev_fp"] = self.feature_weight * self.guided(perturbed, previous)
        scale = ramp * share / (2 + share) * (1 if self.average_losses else 2)
        return losses | {name: scale * term for name, term in guided.items()}

    def previous_weight(self) -> float:
        """Return ``lambda``: it rises from 0 to 1 until the middle of the training, then falls."""
        hub = MessageHub.get_current_instance()
        progress = hub.get_info("iter", 0) / max(1, hub.get_info("max_iters", 1))
        return max(0.0, min(2 * progress, 2 - 2 * progress))

    def guided(self, output: Output, target: Target) -> Tensor:
        """Compute the pixel consistency of an output with the earlier weights' pseudo-labels."""
        return self.compare(output, target, self.previous_threshold)


def draw_ensemble(count: int, members: int) -> list[tuple[int, float]]:
    """Draw the index and the share of each member of an ensemble, on the host.

    Shares are uniform on the simplex.
    """
    number = int(torch.randint(1, members + 1, ()))
    chosen = torch.randperm(count)[:number].tolist()
    shares = torch.empty(len(chosen)).exponential_()
    return list(zip(chosen, (shares / shares.sum()).tolist(), strict=True))
