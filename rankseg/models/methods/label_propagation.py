# SPDX-License-Identifier: Apache-2.0
"""Label propagation: pseudo-labels for all unlabeled images, weighted by certainty."""

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.memory.bank import ResizedBuffers
from rankseg.models.methods.base import Output, classes_of
from rankseg.models.methods.mean_teacher import MeanTeacher
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, strong


@MODELS.register_module()
class LabelPropagation(ResizedBuffers, MeanTeacher):
    r"""Cross-entropy on given and propagated labels, weighted by certainty and class.

    .. math:: L = \frac{1}{B} \sum_{i=1}^{B} \omega_i \zeta_{y_i} CE(z_i, y_i)

    over the labeled and unlabeled images of a batch, where :math:`\omega_i` is 1 for labeled
    images. :class:`~rankseg.engine.hooks.LabelPropagationHook` computes the pseudo-labels and
    weights and updates them before every epoch over the unlabeled images. They are part of the
    checkpoint, so a resumed run continues with them.

    With ``consistency_weight`` (and a teacher) this is label propagation with Mean Teacher: its
    terms are added, and the student sees the first strong view instead of the weak one.

    Args:
        consistency_weight: See :class:`~rankseg.models.methods.mean_teacher.MeanTeacher`; 0 is
            plain label propagation.
        warmup: Iterations of the first stage, before labels are propagated: supervised training
            with the head's own loss, or Mean Teacher, whose ramp starts at iteration 0. The batches
            of supervised training can be labeled images only (``labeled_batches`` of the sampler).
        **kwargs: Arguments of :class:`~rankseg.models.methods.mean_teacher.MeanTeacher`.

    Raises:
        ValueError: If ``warmup`` is negative.

    Source: Iscen et al., Label Propagation for Deep Semi-supervised Learning (CVPR 2019), eq. 12
        and algorithm 1; its released code for the division by ``B``.
    """

    RESIZED = ("pseudo_label", "pseudo_weight")
    needs_image_labels = True

    def __init__(
        self, student: dict, consistency_weight: float = 0.0, warmup: int = 0, **kwargs
    ) -> None:
        super().__init__(student, consistency_weight=consistency_weight, **kwargs)
        expect(warmup >= 0, "model.warmup", "0 or more", warmup)
        self.propagation_start = warmup
        if not consistency_weight:
            self.views = (LABELED, WEAK)
        self.register_buffer("pseudo_label", torch.zeros(0, dtype=torch.long))
        self.register_buffer("pseudo_weight", torch.zeros(0))
        self.register_buffer("class_weight", torch.ones(self.num_classes))

    @property
    def labeled_steps(self) -> int:
        """See the base class; with Mean Teacher, both stages need unlabeled images."""
        return 0 if self.consistency_weight else self.propagation_start

    @property
    def num_classes(self) -> int:
        """Return the number of classes ``K``."""
        return self.student.decode_head.num_classes

    def set_pseudo_labels(self, label: Tensor, weight: Tensor, class_weight: Tensor) -> None:
        """Replace the pseudo-labels of all unlabeled images.

        Args:
            label: ``(N,)`` classes, in the order of the unlabeled list.
            weight: ``(N,)`` certainty of each label.
            class_weight: ``(K,)`` weight of each class.

        Raises:
            ValueError: If shapes or classes do not match.
        """
        shapes = tuple(label.shape), tuple(weight.shape), tuple(class_weight.shape)
        if shapes != ((len(label),), (len(label),), (self.num_classes,)):
            raise ValueError(
                f"Expected N pseudo-labels, N weights and {self.num_classes} class weights, but "
                f"got shapes {shapes}."
            )
        if len(label) and not 0 <= label.min() <= label.max() < self.num_classes:
            raise ValueError(
                f"Expected pseudo-labels to be classes from 0 to {self.num_classes - 1}, but got "
                f"{label.min()} to {label.max()}."
            )
        device = self.class_weight.device
        self.pseudo_label = label.to(device, torch.long)
        self.pseudo_weight = weight.to(device, torch.float32)
        self.class_weight = class_weight.to(device, torch.float32)

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; see the class for the formula."""
        iteration = MessageHub.get_current_instance().get_info("iter", 0)
        if iteration < self.propagation_start:
            return super().loss(inputs, data_samples)
        ramp = self.unsupervised_weight() * self.consistency_weight
        images = inputs[LABELED], inputs[strong(1) if self.consistency_weight else WEAK]
        sizes = [len(view) for view in images]
        labeled, student = self.run(self.student, torch.cat(images)).split(sizes)
        truth = classes_of(data_samples[LABELED])
        label, weight = self.pseudo_labels(data_samples[WEAK])
        losses = {
            "loss_x": self.weighted_loss(labeled, truth).sum() / sum(sizes),
            "loss_pseudo": (weight * self.weighted_loss(student, label)).sum() / sum(sizes),
        }
        self.track(label[:, None, None], (weight > 0)[:, None, None], data_samples[WEAK])
        if ramp:
            term, _ = self.consistency([labeled, student], inputs, data_samples)
            losses["loss_consistency"] = ramp * term
        return self.with_distance(losses, [labeled, student])

    def pseudo_labels(self, data_samples: list) -> tuple[Tensor, Tensor]:
        """Return pseudo-labels and weights, ``(B,)`` each, of unlabeled samples.

        Raises:
            ValueError: If an image has no pseudo-label.
        """
        places = [sample.sample_idx for sample in data_samples]
        if max(places) >= len(self.pseudo_label):
            raise ValueError(
                f"Expected a pseudo-label for unlabeled image {max(places)}, but there are only "
                f"{len(self.pseudo_label)} pseudo-labels. Add dict(type='LabelPropagationHook') to "
                "custom_hooks, which computes them before every epoch."
            )
        index = torch.tensor(places).to(self.pseudo_label.device, non_blocking=True)
        return self.pseudo_label[index], self.pseudo_weight[index]

    def weighted_loss(self, output: Output, label: Tensor) -> Tensor:
        """Return the class-weighted cross-entropy of every image: ``(B,)``."""
        loss = F.cross_entropy(output.logits.float(), label[:, None, None], reduction="none")
        return self.class_weight[label] * loss.flatten()
