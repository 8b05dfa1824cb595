# SPDX-License-Identifier: Apache-2.0
"""FixMatch: confident pseudo-labels of the weak view supervise the strong views."""

from collections.abc import Sequence
from math import inf
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.layers import AdaptiveThreshold
from rankseg.models.losses import pixel_consistency
from rankseg.models.methods.base import Method, Output, valid_pixels
from rankseg.models.methods.labeler import OPTION, check_labeler, drop_missing_labeler
from rankseg.models.methods.target import Target
from rankseg.models.mixing import check_pasting, cutmix_boxes, paste
from rankseg.models.segmentors.padding import cut_padding, padded_size
from rankseg.models.weights.transfer import read_network
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, PseudoLabel, mix, strong

MIX_SOURCES = ("batch", "same", None)


@MODELS.register_module()
class FixMatch(Method):
    r"""Consistency of strong views with confident pseudo-labels, with CutMix for segmentation.

    .. math:: L = (L_x + w_s \cdot \text{mean}_i L_{s_i}) / 2

    The weak view runs through the student together with the labeled images; its confident
    predictions are the targets of the strong views. Without CutMix the strong views run in the same
    pass, as in the FixMatch code, and share the batch statistics. During warm-up and ramp (weight
    ``r``) the loss is ``(1 - r/2) L_x + r/2 (...)``, which goes from the supervised baseline to the
    formula above.

    Args:
        threshold: Minimum confidence of a pseudo-label, in ``[0, 1]``, or one value per class,
            since rare classes are seldom predicted with the confidence of the others.
        threshold_momentum: Let the threshold follow the confidence of the predictions, see
            :class:`~rankseg.models.layers.AdaptiveThreshold`; ``threshold``, one number, is its
            start. ``None`` keeps it fixed.
        mix_source: Source of the regions that CutMix pastes. ``"batch"``: another image of the
            batch, whose weak prediction is already available. ``"same"``: a second crop of the same
            image (views ``mix_*``, pipeline step ``WithMix``), which costs an additional forward
            pass, as in the released code of UniMatch. ``None``: no CutMix. A batch of one image
            cannot mix with itself and uses ``"same"`` if it has the views.
        strong_weight: ``w_s``.
        average_losses: Average the labeled and the unlabeled loss (factor 1/2), as in the released
            segmentation code. ``False`` uses the sum ``L_x + r w_s ...`` of the FixMatch paper. The
            old name ``halve`` still works.
        labeler: Checkpoint of a run with the same ``student``, usually the supervised baseline,
            whose network makes the pseudo-labels and is not trained (self-training). If the run has
            a teacher, that network is taken. ``None`` lets ``labels_from`` decide.
        flip_labels: Average the predictions that make the pseudo-labels over the image and its
            mirror image. Needs a labeler or ``labels_from="teacher"``.
        single_pass: Run labeled images and strong views through the student in one pass, and weak
            views only through the network that makes the labels, a labeler or the teacher. This is
            the cheapest step. Terms that compare the student's own weak view are left out.
        strong_views: Number of strong views of each image; ``None`` takes that of the method, 1 or
            2. ``StrongViews`` of the data set must make at least as many.
        soft_labels: Train on the probabilities of the weak view, not on its most probable classes,
            so that pixels about which the network is not sure stay unsure.
        unlabeled_class_weight: Weight of each class in the cross-entropy with pseudo-labels, for
            classes that vanish from them; ``None`` weighs all by 1. The weights of the labeled loss
            are those of the head's ``loss_decode``.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`.

    Raises:
        FileNotFoundError: If the file of the labeler does not exist when training starts.
        ValueError: If ``threshold``, ``mix_source`` or a class weight is invalid, or the views that
            ``mix_source`` needs are missing.

    Source: Sohn et al., NeurIPS 2020; for segmentation UniMatch (CVPR 2023), section 3.1.
    """

    strong_views: int = 1

    def __init__(
        self,
        student: dict,
        threshold: float | Sequence[float] = 0.95,
        mix_source: str | None = "batch",
        strong_weight: float = 1.0,
        average_losses: bool = True,
        threshold_momentum: float | None = None,
        labeler: str | None = None,
        flip_labels: bool = False,
        single_pass: bool = False,
        strong_views: int | None = None,
        soft_labels: bool = False,
        unlabeled_class_weight: Sequence[float] | None = None,
        **kwargs,
    ) -> None:
        average_losses = kwargs.pop("halve", average_losses)
        super().__init__(student, **kwargs)
        if strong_views is not None:
            expect(strong_views >= 1, "model.strong_views", "at least 1", strong_views)
            self.strong_views = strong_views
        each = tuple(threshold) if isinstance(threshold, Sequence) else (threshold,)
        classes = self.student.decode_head.num_classes
        valid = all(0 <= one <= 1 for one in each) and len(each) in (1, classes)
        wanted = f"from 0 to 1, or one such number for each of the {classes} classes"
        expect(valid, "model.threshold", wanted, threshold)
        expect(mix_source in MIX_SOURCES, "model.mix_source", f"one of {MIX_SOURCES}", mix_source)
        views = [WEAK, *(strong(i) for i in range(1, self.strong_views + 1))]
        mixed = [mix(view) for view in views] if mix_source == "same" else []
        self.views = (LABELED, *views, *mixed)
        self.threshold = each if len(each) > 1 else each[0]
        self.adaptive = None
        if threshold_momentum is not None:
            wanted = f"one number with threshold_momentum={threshold_momentum}"
            expect(len(each) <= 1, "model.threshold", wanted, threshold)
            self.adaptive = AdaptiveThreshold(each[0], classes, threshold_momentum)
        self.register_buffer("unlabeled_class_weight", None, persistent=False)
        if (weights := unlabeled_class_weight) is not None:
            numbers = weights if isinstance(weights, Sequence) else ()
            valid = all(isinstance(one, float | int) and 0 <= one < inf for one in numbers)
            valid = valid and len(numbers) == classes and any(numbers)
            wanted = f"{classes} numbers of at least 0, one of each class and not all 0"
            expect(valid, "model.unlabeled_class_weight", wanted, weights)
            self.unlabeled_class_weight = torch.tensor(numbers, dtype=torch.float32)
        for option, given in (("flip_labels", flip_labels), ("single_pass", single_pass)):
            if given and labeler is None and self.labels_from == "student":
                raise ValueError(
                    f"Expected another network than the student to make the pseudo-labels with "
                    f"model.{option}=True, but got model.labels_from='student'. Set "
                    "model.labeler=CHECKPOINT, or labels_from='teacher'."
                )
        self.mix_source = mix_source
        self.strong_weight = strong_weight
        self.average_losses = average_losses
        self.flip_labels = flip_labels
        self.single_pass = single_pass
        self.soft_labels = soft_labels
        self.labeler_file = labeler
        self.labeler = None
        if labeler is not None:
            self.labeler = MODELS.build(student).requires_grad_(False).eval()
            cut_padding(self.labeler)

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """See the base class; a teacher stands in for a labeler that is missing."""
        super().make_tiny(config, cells)
        drop_missing_labeler(config)

    def init_weights(self) -> None:
        """Initialize the student and the teacher, and load the labeler."""
        super().init_weights()
        if self.labeler is not None:
            self.labeler.load_state_dict(read_network(self.labeler, self.labeler_file, OPTION))

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; a labeler that a checkpoint lacks keeps its weights."""
        super().complete_state(state_dict, prefix)
        if self.labeler is not None:
            for name, value in self.labeler.state_dict().items():
                state_dict.setdefault(f"{prefix}labeler.{name}", value)

    def train(self, mode: bool = True) -> "FixMatch":
        """Set the mode; the labeler stays in eval mode."""
        super().train(mode)
        if self.labeler is not None:
            self.labeler.eval()
        return self

    def needed_views(self, unlabeled: int) -> set[str]:
        """See the base class; a single image is mixed with a second crop of itself."""
        views = super().needed_views(unlabeled)
        if self.mix_source == "batch" and unlabeled == 1:
            print_log(
                "A process has one unlabeled image, so CutMix pastes a second crop of it.",
                logger="current",
            )
            views |= {mix(view) for view in views - {LABELED}}
        return views

    def check_weights(self, config_file: str | None = None) -> None:
        """See the base class; also checks the checkpoint of the labeler."""
        if self.labeler is not None:
            check_labeler(self.labeler, self.labeler_file, config_file)

    def check_dataset(self, dataset: Any) -> None:
        """See the base class; CutMix needs masks."""
        if self.mix_source is not None:
            option = f"model.mix_source={self.mix_source!r}"
            check_pasting(dataset, option, "model.mix_source=None")

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the terms of one step; see the class for the formula."""
        ramp = self.unsupervised_weight()
        if ramp == 0:
            return self.supervised_step(inputs, data_samples)
        if self.single_pass:
            return self.single_pass_step(inputs, data_samples, ramp)
        valid = valid_pixels(data_samples[WEAK])
        partner = self.partner(inputs, data_samples)
        if self.mix_source is None:
            views = [inputs[strong(i)] for i in range(1, self.strong_views + 1)]
            labeled, weak, *outputs = self.run_views(inputs[LABELED], inputs[WEAK], *views)
            target = self.target(weak, inputs[WEAK], valid)
            targets = [target] * len(views)
        else:
            labeled, weak = self.run_views(inputs[LABELED], inputs[WEAK])
            target = self.target(weak, inputs[WEAK], valid)
            views, targets = self.mixed_views(inputs, target, partner)
            outputs = self.run_views(*views, labeled=False)
        terms = self.strong_terms(outputs, targets)
        return self.combine(labeled, target, terms, ramp, data_samples)

    def single_pass_step(
        self, inputs: dict[str, Tensor], data_samples: dict[str, list], ramp: float
    ) -> dict[str, Tensor]:
        """Compute the terms of a step in which the student does not see the weak views."""
        valid = valid_pixels(data_samples[WEAK])
        partner = self.partner(inputs, data_samples)
        target = self.target(None, inputs[WEAK], valid)
        views, targets = self.mixed_views(inputs, target, partner)
        labeled, *outputs = self.run_views(inputs[LABELED], *views)
        terms = self.strong_terms(outputs, targets)
        return self.combine(labeled, target, terms, ramp, data_samples)

    # --- parts

    def strong_terms(self, outputs: list[Output], targets: list[Target]) -> dict[str, Tensor]:
        """Compute the weighted terms of the strong views."""
        weight = self.strong_weight / self.strong_views
        return {
            f"loss_s{i}": weight * self.consistency(output, wanted)
            for i, (output, wanted) in enumerate(zip(outputs, targets, strict=True), 1)
        }

    def combine(
        self,
        labeled: Output,
        target: Target,
        terms: dict[str, Tensor],
        ramp: float,
        data_samples: dict[str, list],
    ) -> dict[str, Tensor]:
        """Weight the labeled loss and the unsupervised terms, and log the confident share.

        Args:
            labeled: The student's output for the labeled images.
            target: Targets from the weak view.
            terms: Weighted terms of the unlabeled images.
            ramp: Weight of the unsupervised terms at this iteration, in ``(0, 1]``.
            data_samples: The samples of each view.
        """
        keep, add = (1 - ramp / 2, ramp / 2) if self.average_losses else (1.0, ramp)
        losses = {"loss_x": keep * self.supervised_loss(labeled, data_samples[LABELED])}
        losses.update({name: add * term for name, term in terms.items()})
        label, confidence, valid = target.pseudo
        confident = (confidence >= self.threshold_of(label)) & valid
        self.track(label, confident, data_samples[WEAK])
        losses["confident"] = confident.sum() / valid.sum().clamp(min=1)
        return losses

    def consistency(self, output: Output, target: Target) -> Tensor:
        """Compute the pixel consistency of an output with the pseudo-labels of a target."""
        return self.compare(output, target, self.threshold_of(target.pseudo.label))

    def compare(self, output: Output, target: Target, threshold: float | Tensor) -> Tensor:
        """Compute the pixel consistency with the pseudo-labels from a confidence on."""
        logits = self.upsample(output.logits, target.pseudo.label.shape[1:])
        weight, soft = self.unlabeled_class_weight, target.probability
        return pixel_consistency(logits, *target.pseudo, threshold, weight, soft)

    def threshold_of(self, label: Tensor) -> float | Tensor:
        """Return the threshold, or with per-class thresholds that of every pseudo-label."""
        if self.adaptive is not None:
            return self.adaptive.value
        if isinstance(self.threshold, float | int):
            return self.threshold
        each = torch.tensor(self.threshold).to(label.device, non_blocking=True)
        return each[label]

    @torch.no_grad()
    def target(self, output: Output, weak: Tensor, valid: Tensor) -> Target:
        """Compute the targets of the weak view, and adapt the threshold to them if it is adaptive.

        Args: see :meth:`pseudo_label`.
        """
        found = self.pseudo_label(output, weak, valid)
        if self.adaptive is not None:
            self.adaptive.update(*found.pseudo)
        return found

    @torch.no_grad()
    def pseudo_label(self, output: Output, weak: Tensor, valid: Tensor) -> Target:
        """Compute pseudo-labels of a weak view.

        Args:
            output: Output of the student, used if the student makes the labels.
            weak: ``(B, 3, H, W)`` weak view, run through the labeler or the teacher otherwise.
            valid: ``(B, H, W)`` bool, at label size.
        """
        if self.labels_from_others:
            output = self.run_labeler(weak)
        probability = self.upsample(output.logits, valid.shape[1:]).softmax(1)
        if self.flip_labels:
            mirrored = self.run_labeler(weak.flip(3)).logits.flip(3)
            mirrored = self.upsample(mirrored, valid.shape[1:]).softmax(1)
            probability = (probability + mirrored) / 2
        confidence, label = probability.max(1)
        feature = None if output.feature is None else output.feature.detach()
        soft = probability if self.soft_labels else None
        return Target(PseudoLabel(label, confidence, valid), feature, soft)

    @property
    def labels_from_others(self) -> bool:
        """Return whether another network than the student makes the pseudo-labels."""
        return self.labeler is not None or self.labels_from == "teacher"

    def run_labeler(self, images: Tensor) -> Output:
        """Run the labeler, or without one the teacher."""
        if self.labeler is not None:
            return self.run(self.labeler, images)
        return self.run_frozen("teacher", images)

    def partner(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> Target | None:
        """Return the targets of the second crop, or None if CutMix pastes from the batch.

        The network runs in eval mode. Call this before the student's forward pass, because the
        running statistics must be those of the previous step.

        Raises:
            ValueError: If a second crop is needed but the batch has none.
        """
        if self.mix_source is None or (self.mix_source == "batch" and len(inputs[WEAK]) > 1):
            return None
        if mix(WEAK) not in inputs:
            raise ValueError(
                f"Expected a view {mix(WEAK)!r}, which model.mix_source={self.mix_source!r} needs "
                f"for {len(inputs[WEAK])} unlabeled image(s) per process, but got "
                f"{', '.join(inputs)}. Wrap the geometry and the views of unlabeled_pipeline in "
                "dict(type='WithMix', transforms=[...]), or use mix_source='batch' with at least 2 "
                "unlabeled images per process."
            )
        images, valid = inputs[mix(WEAK)], valid_pixels(data_samples[mix(WEAK)])
        output = None
        if not self.labels_from_others:
            output = self.run_frozen("student", images)
        return self.pseudo_label(output, images, valid)

    def draw_boxes(self, weak: Tensor) -> list[Tensor]:
        """Draw the boxes of CutMix, ``(B, 4)`` for each strong view; see :func:`cutmix_boxes`."""
        size = tuple(weak.shape[2:])
        drawn = [cutmix_boxes(len(weak), size) for _ in range(self.strong_views)]
        return [boxes.to(weak.device, non_blocking=True) for boxes in drawn]

    def mixed_views(
        self,
        inputs: dict[str, Tensor],
        target: Target,
        source: Target | None,
        boxes: list[Tensor] | None = None,
    ) -> tuple[list[Tensor], list[Target]]:
        """Return strong views with pasted boxes, and targets pasted with the same boxes.

        Args:
            inputs: The views of the batch.
            target: Targets of the weak view.
            source: Targets of the second crop; None pastes from the batch.
            boxes: Boxes of each strong view; drawn if None.
        """
        views = [inputs[strong(i)] for i in range(1, self.strong_views + 1)]
        if self.mix_source is None:
            return views, [target] * len(views)
        boxes = self.draw_boxes(inputs[WEAK]) if boxes is None else boxes
        if source is None:
            others = [view.roll(1, 0) for view in views]
        else:
            others = [inputs[mix(strong(i))] for i in range(1, self.strong_views + 1)]
        size = tuple(inputs[WEAK].shape[2:])
        images = [paste(*three, size) for three in zip(views, others, boxes, strict=True)]
        return images, self.mixed_targets(target, source, boxes, size)

    def mixed_targets(
        self, target: Target, source: Target | None, boxes: list[Tensor], size: tuple[int, int]
    ) -> list[Target]:
        """Return the targets of the strong views, pasted as in :meth:`mixed_views`."""
        if self.mix_source is None:
            return [target] * self.strong_views
        source = target.roll() if source is None else source
        padded = padded_size(self.student, size)
        return [target.paste(source, one, size, padded) for one in boxes]
