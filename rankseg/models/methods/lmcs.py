# SPDX-License-Identifier: Apache-2.0
"""LMCS: a master composed of earlier students guides the student and sees new labels first."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.losses import discriminative_loss, soft_cross_entropy, soft_squared_error
from rankseg.models.losses.discriminative import check_reading
from rankseg.models.memory.pool import DiscoveredPool
from rankseg.models.methods.mixmatch import MixMatch
from rankseg.models.methods.teacher import build_teacher
from rankseg.models.mixing import sharpen
from rankseg.models.segmentors.composition import ComposedNetwork, Composition, feature_map, frozen
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK

MASTER = "master"


@MODELS.register_module()
class LMCS(MixMatch):
    r"""MixMatch with labels guessed by a learned composition of three students.

    The master adds the converted feature maps of the student, its moving average (the teacher) and
    the student of the previous step, and has its own decision network, see
    :class:`~rankseg.models.segmentors.composition.Composition`. Only the converters and the
    decision network are learned, with the loss

    .. math:: J_M = \mu \, CE(\Omega_G) + \lambda_C \, J_C + \eta \, J_D

    where ``J_C`` is the squared error to the teacher's probabilities on unlabeled images and
    ``J_D`` the :func:`~rankseg.models.losses.discriminative_loss` of their features. The moving
    average of the converters and the decision network, instead of the student, guesses the labels
    that MixMatch trains the student with.

    :class:`~rankseg.engine.hooks.CompositionHook` runs at the end of a step: it keeps the student
    and clusters the master's features. :class:`~rankseg.engine.hooks.DiscoveryHook` discovers
    critical samples. The master learns from them at once (``Omega_G``), the student only after the
    next discovery (``Omega_{G-1}``). Until then other labeled images of the batch replace them.

    Args:
        feature_part: See :class:`~rankseg.models.segmentors.composition.Composition`.
        channels: See :class:`~rankseg.models.segmentors.composition.Composition`.
        clusters: ``N`` of ``J_D``; defaults to the number of classes.
        master_momentum: Weight of the learned composition in each update of the master's average.
        label_weight: ``mu``, not published.
        consistency_weight: ``lambda_C``, not published.
        discriminative_weight: ``eta``, not published.
        discriminative: Interpretation of the equation of ``J_D``: ``"enlarge"`` or ``"printed"``.
        master_start: Iteration from which the master guesses. Before that, the network that guesses
            in MixMatch does. Not published.
        look_ahead: ``False`` gives the student new labels as soon as the master.
        **kwargs: Arguments of :class:`~rankseg.models.methods.mixmatch.MixMatch`; ``teacher`` is
            required.

    Raises:
        ValueError: If a number is out of range, or there is no teacher.

    Source: Learned Model Composition with Critical Sample Look-Ahead (dissertation, chapter 3).
        Differences: eq. 3.7 has no cross-entropy. Without it, no loss would use the discovered
            labels, which train the master according to the text. The moving average, published for
            the decision network only, also covers the converters.
    """

    def __init__(
        self,
        student: dict,
        feature_part: Sequence[str],
        channels: int,
        clusters: int | None = None,
        master_momentum: float = 0.01,
        label_weight: float = 1.0,
        consistency_weight: float = 75.0,
        discriminative_weight: float = 0.1,
        discriminative: str = "enlarge",
        master_start: int = 0,
        look_ahead: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        head = self.student.decode_head
        clusters = head.num_classes if clusters is None else clusters
        self.weights = label_weight, consistency_weight, discriminative_weight
        wanted = "0 or more"
        expect(min(self.weights) >= 0, "each weight of the master's loss", wanted, self.weights)
        expect(master_start >= 0, "model.master_start", wanted, master_start)
        expect(clusters >= 2, "model.clusters", "2 or more", clusters)
        expect(self.teacher is not None, "model.teacher", "dict(momentum=0.001)", None)
        check_reading(discriminative)
        self.discriminative = discriminative
        self.master_start = master_start
        self.look_ahead = look_ahead
        self.feature_tap = feature_part[-1] if feature_part else None
        self.pool = DiscoveredPool(head.num_classes)
        self.previous = copy.deepcopy(self.student).requires_grad_(False)
        self.composition = Composition(self.student, feature_part, channels)
        self.master = build_teacher(self.composition, master_momentum)
        # The name of the buffer is part of checkpoints.
        self.register_buffer("centres", torch.zeros(clusters, head.in_channels))
        self.register_buffer("clustered", torch.zeros(()))  # 1 once cluster centers are known

    # --- weights

    def init_weights(self) -> None:
        """See the base class; the other networks start as copies of the student."""
        super().init_weights()
        self.end_step()
        self.composition.begin(self.student)
        self.master.module.load_state_dict(self.composition.state_dict())

    def train(self, mode: bool = True) -> "LMCS":
        """See the base class; networks without training stay in eval mode."""
        super().train(mode)
        self.previous.eval()
        self.master.eval()
        return self

    def update_teacher(self) -> None:
        """Move the teacher toward the student, and the master toward the composition."""
        super().update_teacher()
        self.master.update_parameters(self.composition)

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; missing networks start as copies of the checkpoint's student."""
        for part in ("previous", "composition", "master"):
            for name, value in getattr(self, part).state_dict().items():
                plain = name if part == "previous" else name.partition("decision.")[2]
                given = state_dict.get(f"{prefix}student.{plain}", value)
                state_dict.setdefault(f"{prefix}{part}.{name}", given)
        super().complete_state(state_dict, prefix)

    # --- interface for the hooks

    def check_dataset(self, dataset: Any) -> None:
        """See the base class.

        Raises:
            ValueError: If the feature part is incomplete, or there are too few images to cluster.
        """
        super().check_dataset(dataset)
        self.composition.check(self.student)
        count, clusters = dataset.num_unlabeled, len(self.centres)
        most = f"at most {count}, the number of unlabeled images"
        expect(clusters <= count, "model.clusters", most, clusters)

    def network(self, name: str) -> nn.Module:
        """See the base class; ``"master"`` is the composed network, used for its features."""
        if name == MASTER:
            return ComposedNetwork(self.sources, self.master.module)
        return super().network(name)

    @property
    def sources(self) -> tuple[nn.Module, ...]:
        """Return the networks that are composed."""
        return self.student, self.teacher.module, self.previous

    @property
    def needs_centers(self) -> bool:
        """Return whether the discriminative loss is in use."""
        return self.weights[2] > 0

    def end_step(self, centers: Tensor | None = None) -> None:
        """Keep the student as the previous one.

        Args:
            centers: ``(N, D)`` cluster centers of the master's features, if known.
        """
        self.previous.load_state_dict(self.student.state_dict())
        if centers is not None:
            self.centres.copy_(centers)
            self.clustered.fill_(1)

    # --- the step

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """See the base class; the master guesses from the start and uses two clusters."""
        super().make_tiny(config, cells)
        if config.get("feature_part"):
            config.update(clusters=2, master_start=0)

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; see the class for the formula."""
        views = [inputs[name] for name in self.views[1:]]
        labeled, label = inputs[LABELED], self.labels(data_samples[LABELED])
        maps, teacher = self.features(torch.cat((labeled, *views)))
        if self.started:
            guess = self.master_guess([rows[len(labeled) :] for rows in maps], len(views))
        else:
            guess = self.guess(views, data_samples[WEAK])
        rows, known = self.known_rows(data_samples[LABELED])
        losses = self.mixed_terms(labeled[rows], label[rows], views, guess, data_samples[WEAK])
        losses["loss_x"] = losses["loss_x"] * known.any()
        losses |= self.master_terms(maps, teacher, label, len(views[0]))
        losses["look_ahead"] = 1 - known.float().mean()
        return losses

    @property
    def started(self) -> bool:
        """Return whether the master guesses in this iteration."""
        step = MessageHub.get_current_instance().get_info("iter", 0) if self.master_start else 0
        return step >= self.master_start

    def features(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return feature maps ``(B, C, h, w)`` of all sources, and the teacher's logits ``(B, K)``.

        In training they normalize with statistics of these images, as MixMatch does to guess: the
        student's running statistics come from mixed images, whose contrast is lower.
        """
        mine, teacher, past = self.sources
        layer, batch = self.composition.layer, self.training
        with frozen(teacher, by_batch=batch and not self.teacher.use_buffers):
            output = self.run(teacher, images)
        mine, past = (feature_map(one, layer, images, by_batch=batch) for one in (mine, past))
        return [mine, output.feature, past], output.logits.flatten(1)

    @torch.no_grad()
    def master_guess(self, maps: list[Tensor], views: int) -> Tensor:
        """Return the master's sharpened mean probability ``(B, K)`` over the views of each image.

        Args:
            maps: ``(views * B, C, h, w)`` of each source, view by view.
            views: Number of views.
        """
        logits, _ = self.master.module(maps)
        probability = logits.float().softmax(1).unflatten(0, (views, -1)).mean(0)
        return sharpen(probability, self.temperature)

    def master_terms(
        self, maps: list[Tensor], teacher: Tensor, label: Tensor, unlabeled: int
    ) -> dict[str, Tensor]:
        """Compute the losses of the converters and the decision network.

        Args:
            maps: Feature maps of each source: labeled images first, then weak views.
            teacher: ``(>= L + U, K)`` logits of the teacher, in the same order.
            label: ``(L, K)`` distributions of the labeled images, including discovered ones.
            unlabeled: Number of weak views ``U``.
        """
        first, last = len(label), len(label) + unlabeled
        logits, feature = self.composition([rows[:last] for rows in maps])
        wanted = teacher[first:last].float().softmax(1)
        weight, consistency, gap = self.weights
        apart = discriminative_loss(feature[first:], self.centres, self.discriminative)
        return {
            "loss_master_x": weight * soft_cross_entropy(logits[:first], label),
            "loss_master_c": consistency * soft_squared_error(logits[first:], wanted),
            "loss_master_d": gap * self.clustered * apart,
        }

    def known_rows(self, data_samples: list) -> tuple[Tensor, Tensor]:
        """Return the labeled images of a batch that the student may learn from.

        Args:
            data_samples: Samples of the ``L`` labeled images.

        Returns:
            ``(L,)`` int64 rows of the batch: the allowed rows, repeated in turn, or arbitrary rows
            if none is allowed. And the ``(L,)`` bool mask of allowed rows.
        """
        index = torch.tensor([sample.sample_idx for sample in data_samples])
        index = index.to(self.centres.device, non_blocking=True)
        row, found = self.pool.find(index)
        known = torch.ones_like(found)
        if self.look_ahead and len(self.pool):
            # The latest discoveries are last in the pool.
            times = torch.stack((self.pool.generation, self.pool.step), 1)
            known = ~(found & (times[row] == times[-1]).all(1))
        place = torch.arange(len(index)).to(index.device, non_blocking=True)
        order = (~known).int().argsort(stable=True)
        return order[place % known.sum().clamp(min=1)], known
