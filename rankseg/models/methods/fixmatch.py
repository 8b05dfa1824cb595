# SPDX-License-Identifier: Apache-2.0
"""FixMatch: confident pseudo-labels of the weak view teach the strong view."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rankseg.models.layers import ClassThreshold, DistributionAlignment
from rankseg.models.losses import pixel_consistency
from rankseg.models.methods.base import Method, Output
from rankseg.models.mixing import cutmix_boxes, paste, refuse_pasting
from rankseg.models.pretrained import describe_misfit, read_state
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, PseudoLabel, mix, strong

MIX_SOURCES = ("batch", "same", None)


def build_labeler(student: dict) -> nn.Module:
    """Build a network like the student that is not trained."""
    return MODELS.build(student).requires_grad_(False).eval()


class Target(NamedTuple):
    """What the weak view says: targets of the strong views.

    Attributes:
        pseudo: Pseudo-label at the size of labels: of the image, or 1x1.
        feature: ``(B, C, h, w)`` of the feature tap, or None.
    """

    pseudo: PseudoLabel
    feature: Tensor | None

    def paste(self, source: "Target", boxes: Tensor, size: tuple[int, int]) -> "Target":
        """Paste the targets of the pasted images with the boxes of the images."""
        maps = zip(self.pseudo, source.pseudo, strict=True)
        pseudo = PseudoLabel(*(paste(mine, other, boxes, size) for mine, other in maps))
        if self.feature is None:
            return Target(pseudo, None)
        return Target(pseudo, paste(self.feature, source.feature, boxes, size))

    def roll(self) -> "Target":
        """Give every image the targets of the one before it in the batch."""
        pseudo = PseudoLabel(*(item.roll(1, 0) for item in self.pseudo))
        return Target(pseudo, None if self.feature is None else self.feature.roll(1, 0))


@MODELS.register_module()
class FixMatch(Method):
    r"""Consistency of strong views with confident pseudo-labels; in segmentation with CutMix.

    .. math:: L = (L_x + w_s \cdot \text{mean}_i L_{s_i}) / 2

    The weak view runs through the student together with the labelled images; its confident
    predictions are the targets of the strong views. Without CutMix the strong views run with them
    too, in one pass, as in the code of FixMatch: they share their batch statistics. In warm-up and
    ramp (weight ``r``) this reads ``(1 - r/2) L_x + r/2 (...)``: from the supervised baseline to
    the formula above.

    Args:
        threshold: Confidence from which a pseudo-label counts, in ``[0, 1]``; or one for each
            class: a rare one is seldom predicted with the confidence of the others.
        mix_source: What CutMix pastes. ``"batch"``: another image of the batch, whose weak
            prediction is at hand. ``"same"``: a second crop of the same image (views ``mix_*``,
            pipeline step ``WithMix``), which costs another forward pass, as in the released code
            of UniMatch. ``None``: no CutMix. A batch of one cannot mix with itself and takes
            ``"same"`` if it has the views.
        class_share: Also count the most confident pixels of each predicted class, this share of
            them, where they do not reach ``threshold``, see
            :class:`~rankseg.models.layers.ClassThreshold`. With ``threshold=1.0`` only the share
            decides. ``None`` counts by ``threshold`` alone.
        alignment: Scale the predictions that make pseudo-labels so that classes appear as often as
            in the labeled images: by ``"probability"`` or by ``"label"``, see
            :class:`~rankseg.models.layers.DistributionAlignment`. ``None`` leaves them unchanged.
        flip_labels: Average the predictions that make pseudo-labels over the image and its mirror
            image. Needs a teacher or a labeler, as ``lean`` does.
        labeler: File with the weights of a segmentor, of the same config as the student, that makes
            the pseudo-labels and is not trained (self-training). ``None`` uses ``labels_from``.
        lean: Run labeled images and strong views through the student in one pass, and weak views
            only through the network that makes the labels, which must not be the student. This is
            the cheapest step, and all that the student sees shares its batch statistics.
        strong_weight: ``w_s``.
        halve: The factor 1/2, as in the released segmentation code. ``False`` is the sum
            ``L_x + r w_s ...`` of the FixMatch paper.
        **kwargs: Of :class:`~rankseg.models.methods.base.Method`.

    Raises:
        ValueError: If ``threshold`` or ``mix_source`` is not as above, or the views that
            ``mix_source`` needs are missing.

    Source: Sohn et al., NeurIPS 2020; for segmentation UniMatch (CVPR 2023), section 3.1.
    """

    strong_views: int = 1
    one_pass: bool = True  # whether all views may run together where nothing is pasted

    def __init__(
        self,
        student: dict,
        threshold: float | Sequence[float] = 0.95,
        mix_source: str | None = "batch",
        strong_weight: float = 1.0,
        halve: bool = True,
        class_share: float | None = None,
        alignment: str | None = None,
        labeler: str | None = None,
        lean: bool = False,
        flip_labels: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        each = tuple(threshold) if isinstance(threshold, Sequence) else (threshold,)
        classes = self.student.decode_head.num_classes
        if not all(0 <= one <= 1 for one in each) or len(each) not in (1, classes):
            raise ValueError(
                f"model.threshold={threshold}: expected a probability, 0 to 1, or one for each of "
                f"the {classes} classes"
            )
        if mix_source not in MIX_SOURCES:
            raise ValueError(f"model.mix_source={mix_source!r}: expected one of {MIX_SOURCES}")
        views = [WEAK, *(strong(i) for i in range(1, self.strong_views + 1))]
        mixed = [mix(view) for view in views] if mix_source == "same" else []
        self.views = (LABELED, *views, *mixed)
        self.threshold = each if len(each) > 1 else each[0]
        self.mix_source = mix_source
        self.strong_weight = strong_weight
        self.halve = halve
        if class_share is not None and not 0 < class_share <= 1:
            raise ValueError(
                f"Expected model.class_share to be above 0 and at most 1, or None, but got "
                f"{class_share}."
            )
        self.class_threshold = None if class_share is None else ClassThreshold(classes, class_share)
        self.alignment = alignment and DistributionAlignment(classes, alignment)
        if labeler is None and self.labels_from == "student":
            for option, value in (("lean", lean), ("flip_labels", flip_labels)):
                if value:
                    raise ValueError(
                        f"Expected a teacher or a labeler to make the pseudo-labels with "
                        f"model.{option}=True, but got model.labels_from='student'. Set "
                        "model.labels_from='teacher'."
                    )
        self.lean = lean
        self.flip_labels = flip_labels
        self.labeler_file = labeler
        self.labeler = None if labeler is None else build_labeler(student)

    def init_weights(self) -> None:
        """Initialize as the base class does, and load the labeler.

        Raises:
            FileNotFoundError: If the file of the labeler does not exist.
            ValueError: If it does not fit the network.
        """
        super().init_weights()
        if self.labeler is None:
            return
        state = read_state(self.labeler_file)
        misfit = describe_misfit(self.labeler.state_dict(), state)
        if misfit:
            raise ValueError(
                f"Expected model.labeler={self.labeler_file!r} to hold weights of the student's "
                f"network, but got {misfit}. Train the labeler with the same model.student."
            )
        self.labeler.load_state_dict(state)

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """Add what a checkpoint may lack, as the base class does, and the labeler."""
        super().complete_state(state_dict, prefix)
        if self.labeler is not None:
            for key, value in self.labeler.state_dict().items():
                state_dict.setdefault(f"{prefix}labeler.{key}", value)

    def train(self, mode: bool = True) -> "FixMatch":
        """Switch the mode; the labeler stays in evaluation mode."""
        super().train(mode)
        if self.labeler is not None:
            self.labeler.eval()
        return self

    def check_dataset(self, dataset: Any) -> None:
        """See the base class.

        Raises:
            ValueError: If parts of images are to be pasted and a label is that of a whole image.
        """
        if self.mix_source is not None:
            refuse_pasting(
                dataset, f"model.mix_source={self.mix_source!r}", "model.mix_source=None"
            )

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """One step; see the class for the formula."""
        ramp = self.unsupervised_weight()
        labeled = inputs[LABELED]
        if self.alignment is not None:
            self.alignment.count_labels(
                torch.cat([sample.gt_sem_seg.data for sample in data_samples[LABELED]])
            )
        if ramp == 0:
            output = self.run(self.student, labeled, labeled=len(labeled))
            return {"loss_x": self.supervised_loss(output, data_samples[LABELED])}

        valid = torch.cat([sample.valid.data for sample in data_samples[WEAK]])
        # before the student's forward pass: its running statistics must be those of last step
        source = self.second_crop(inputs, data_samples) if self.uses_second_crop(inputs) else None
        if self.lean:
            target, output, terms = self.lean_step(inputs, source, valid)
        elif self.mix_source is None and self.one_pass:
            target, output, terms = self.single_step(inputs, valid)
        else:
            target, output, perturbed = self.weak_step(inputs, valid)
            terms = self.unsupervised_terms(inputs, target, source, perturbed)
        keep, add = (1 - ramp / 2, ramp / 2) if self.halve else (1.0, ramp)
        losses = {"loss_x": keep * self.supervised_loss(output, data_samples[LABELED])}
        losses.update({name: add * term for name, term in terms.items()})
        label = target.pseudo.label
        confident = (target.pseudo.confidence >= self.threshold_of(label)) & valid
        self.track(label, confident, data_samples[WEAK])
        losses["confident"] = confident.sum() / valid.sum().clamp(min=1)
        return losses

    def single_step(
        self, inputs: dict[str, Tensor], valid: Tensor
    ) -> tuple[Target, Output, dict[str, Tensor]]:
        """Run all views together.

        Returns:
            The targets from the weak images, the output for the labelled ones, and the weighted
            terms of the strong views.
        """
        names = (LABELED, WEAK, *(strong(i) for i in range(1, self.strong_views + 1)))
        views = [inputs[name] for name in names]
        output = self.run(self.student, torch.cat(views), labeled=len(views[0]))
        output_x, output_w, *outputs = output.split([len(view) for view in views])
        target = self.target(output_w, inputs[WEAK], valid)
        return target, output_x, self.strong_terms(outputs, [target] * len(outputs))

    def lean_step(
        self, inputs: dict[str, Tensor], source: Target | None, valid: Tensor
    ) -> tuple[Target, Output, dict[str, Tensor]]:
        """Run labeled images and strong views together; see :meth:`single_step`."""
        target = self.target(None, inputs[WEAK], valid)
        images, targets = self.mixed_views(inputs, target, source)
        views = [inputs[LABELED], *images]
        output = self.run(self.student, torch.cat(views), labeled=len(views[0]))
        output_x, *outputs = output.split([len(view) for view in views])
        return target, output_x, self.strong_terms(outputs, targets)

    def weak_step(
        self, inputs: dict[str, Tensor], valid: Tensor
    ) -> tuple[Target, Output, Output | None]:
        """Run labelled and weak images together.

        Returns:
            The targets from the weak images, the output for the labelled ones, and the output for
            perturbed features of the weak images if the method has any.
        """
        labeled, weak = inputs[LABELED], inputs[WEAK]
        images = torch.cat((labeled, weak))
        output = self.run(self.student, images, labeled=len(labeled))
        output_x, output_w = output.split([len(labeled), len(weak)])
        return self.target(output_w, weak, valid), output_x, None

    def unsupervised_terms(
        self,
        inputs: dict[str, Tensor],
        target: Target,
        source: Target | None,
        perturbed: Output | None,
    ) -> dict[str, Tensor]:
        """Terms of the unlabelled images, weighted, before the common factor 1/2."""
        images, targets = self.mixed_views(inputs, target, source)
        sizes = [len(view) for view in images]
        outputs = self.run(self.student, torch.cat(images)).split(sizes)
        return self.strong_terms(outputs, targets)

    # --- parts

    def strong_terms(self, outputs: list[Output], targets: list[Target]) -> dict[str, Tensor]:
        """Weighted terms of the strong views."""
        weight = self.strong_weight / self.strong_views
        return {
            f"loss_s{i}": weight * self.consistency(output, wanted)
            for i, (output, wanted) in enumerate(zip(outputs, targets, strict=True), 1)
        }

    def consistency(self, output: Output, target: Target) -> Tensor:
        """Pixel consistency of an output with the pseudo-labels of a target."""
        pseudo = target.pseudo
        logits = self.upsample(output.logits, pseudo.label.shape[1:])
        return pixel_consistency(logits, *pseudo, threshold=self.threshold_of(pseudo.label))

    def threshold_of(self, label: Tensor) -> float | Tensor:
        """The threshold, or that of every pseudo-label where classes have their own."""
        if self.class_threshold is None and isinstance(self.threshold, float | int):
            return self.threshold
        each = torch.tensor(self.threshold).to(label.device, non_blocking=True)
        if self.class_threshold is not None:
            each = torch.minimum(self.class_threshold.thresholds(), each)
        return each[label]

    @torch.no_grad()
    def target(self, output: Output, weak: Tensor, valid: Tensor) -> Target:
        """Pseudo-labels from the student's output for the weak view, or from the teacher.

        Args:
            output: The student's, used if it makes the labels.
            weak: ``(B, 3, H, W)`` weak view, run through the teacher if that makes the labels.
            valid: ``(B, H, W)`` bool, of the size of the labels.
        """
        output = self.labels_of(weak, output)
        probability = self.upsample(output.logits, valid.shape[1:]).softmax(1)
        if self.flip_labels:
            mirrored = self.labels_of(weak.flip(3)).logits.flip(3)
            mirrored = self.upsample(mirrored, valid.shape[1:]).softmax(1)
            probability = (probability + mirrored) / 2
        if self.alignment is not None:
            probability = self.alignment(probability, valid)
        confidence, label = probability.max(1)
        if self.class_threshold is not None:
            self.class_threshold.update(label, confidence, valid)
        feature = None if output.feature is None else output.feature.detach()
        return Target(PseudoLabel(label, confidence, valid), feature)

    def labels_of(self, weak: Tensor, output: Output | None = None) -> Output:
        """Run the network that makes the labels; ``output`` is the student's, if it does."""
        if self.labeler is not None:
            return self.run(self.labeler, weak)
        return self.run_frozen("teacher", weak) if self.labels_from == "teacher" else output

    def uses_second_crop(self, inputs: dict[str, Tensor]) -> bool:
        """Whether a second crop of the same image is pasted.

        Raises:
            ValueError: If it should be and the batch has none.
        """
        if self.mix_source is None or (self.mix_source == "batch" and len(inputs[WEAK]) > 1):
            return False
        if mix(WEAK) not in inputs:
            raise ValueError(
                f"model.mix_source={self.mix_source!r} with {len(inputs[WEAK])} unlabelled "
                f"image(s) per process needs the view {mix(WEAK)!r}: wrap the geometry and the "
                "views of unlabeled_pipeline in dict(type='WithMix', transforms=[...]), or use "
                "mix_source='batch' with at least 2 unlabelled images per process"
            )
        return True

    def second_crop(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> Target:
        """Targets of the second crop, from the network in eval mode."""
        images = inputs[mix(WEAK)]
        valid = torch.cat([sample.valid.data for sample in data_samples[mix(WEAK)]])
        if self.labels_from == "teacher" or self.labeler is not None:
            return self.target(None, images, valid)
        return self.target(self.run_frozen("student", images), images, valid)

    def mixed_views(
        self, inputs: dict[str, Tensor], target: Target, source: Target | None
    ) -> tuple[list[Tensor], list[Target]]:
        """Strong views with boxes pasted in, and targets pasted with the same boxes.

        Args:
            inputs: The views of the batch.
            target: Of the weak view.
            source: Of the second crop; None pastes from the batch.
        """
        views = [inputs[strong(i)] for i in range(1, self.strong_views + 1)]
        if self.mix_source is None:
            return views, [target] * len(views)
        if source is None:
            source, sources = target.roll(), [view.roll(1, 0) for view in views]
        else:
            sources = [inputs[mix(strong(i))] for i in range(1, self.strong_views + 1)]
        size = tuple(inputs[WEAK].shape[2:])
        images, targets = [], []
        for view, other in zip(views, sources, strict=True):
            boxes = cutmix_boxes(len(view), size).to(view.device, non_blocking=True)
            images.append(paste(view, other, boxes, size))
            targets.append(target.paste(source, boxes, size))
        return images, targets
