# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher: consistency between the student and the average of its weights."""

import torch
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.layers import find_module
from rankseg.models.losses import probability_consistency
from rankseg.models.methods.base import Method, Output, valid_pixels
from rankseg.registry import MODELS
from rankseg.structures import LABELED, TWIN, WEAK, strong


@MODELS.register_module()
class MeanTeacher(Method):
    r"""Consistency of probabilities between the student and its moving average.

    .. math:: L = L_x + r(t) \, w \, L_{consistency}

    The student sees the first strong view, the teacher the weak one. In classification the strong
    view may be a second draw of the weak augmentation, as in the paper. If a batch has a second
    draw of the labeled images (a strong view in ``labeled_pipeline``), the teacher sees it, and the
    labeled images take part in the consistency term unless ``labeled_consistency=False``.

    Args:
        consistency_weight: ``w``. 0 skips the term and the teacher's forward pass.
        consistency_tap: None compares the student's logits with the teacher's. The name of a head
            branch with ``K`` output values, such as ``decode_head.branches.consistency``, compares
            this second output of the student instead and pulls it toward the student's logits.
        distance_weight: Weight of that pull, the mean squared difference of the student's two
            outputs. It applies from the first iteration.
        whole_batch: Divide the labeled loss by the number of images in the whole batch, not only
            the labeled ones, as in the released code.
        labeled_consistency: Whether labeled images that have a second draw take part in the
            consistency term. The released code leaves them out on SVHN.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`. ``teacher`` is
            required, and ``ramp`` with ``ramp_shape="sigmoid"`` is ``r(t)`` of the paper.

    Raises:
        ValueError: If a weight is negative, there is no teacher, or there is no such branch with
            ``K`` values.

    Source: Tarvainen and Valpola, NeurIPS 2017, and its released code (two outputs).
    """

    views = (LABELED, WEAK, strong(1))

    def __init__(
        self,
        student: dict,
        consistency_weight: float = 100.0,
        consistency_tap: str | None = None,
        distance_weight: float = 0.01,
        whole_batch: bool = False,
        labeled_consistency: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        for name, value in (("consistency", consistency_weight), ("distance", distance_weight)):
            expect(value >= 0, f"model.{name}_weight", "0 or more", value)
        if consistency_weight and self.teacher is None:
            raise ValueError(
                f"Expected a teacher, with which {type(self).__name__} compares the student, but "
                "model.teacher is None. Set model.teacher=dict(momentum=0.03), or "
                "model.consistency_weight=0."
            )
        if consistency_tap is not None:
            self._check_branch(consistency_tap)
        self.feature_tap = consistency_tap
        self.consistency_weight = consistency_weight
        self.distance_weight = distance_weight
        self.whole_batch = whole_batch
        self.labeled_consistency = labeled_consistency

    def _check_branch(self, name: str) -> None:
        branch = find_module(self.student, name, "consistency_tap")
        classes = self.student.decode_head.num_classes
        outputs = getattr(branch, "out_channels", classes)
        wanted = f"{classes}, the number of classes"
        expect(
            outputs == classes, f"out_channels of model.consistency_tap={name!r}", wanted, outputs
        )

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; see the class for the formula."""
        ramp = self.unsupervised_weight() * self.consistency_weight
        labeled = inputs[LABELED]
        if ramp == 0:
            output = self.run(self.student, labeled, labeled=len(labeled))
            losses = {"loss_x": self.supervised_loss(output, data_samples[LABELED])}
            return self.with_distance(losses, [output])
        sizes = [len(labeled), len(inputs[strong(1)])]
        outputs = self.run_views(labeled, inputs[strong(1)])
        share = sizes[0] / sum(sizes) if self.whole_batch else 1.0
        losses = {"loss_x": share * self.supervised_loss(outputs[0], data_samples[LABELED])}
        term, wanted = self.consistency(outputs, inputs, data_samples)
        losses["loss_consistency"] = ramp * term
        label = wanted[-len(inputs[WEAK]) :].argmax(1)
        self.track(label, torch.ones_like(label, dtype=torch.bool), data_samples[WEAK])
        return self.with_distance(losses, outputs)

    def consistency(
        self, outputs: list[Output], inputs: dict[str, Tensor], data_samples: dict[str, list]
    ) -> tuple[Tensor, Tensor]:
        """Compute the consistency of the student's outputs with the teacher's logits.

        Returns:
            The ``()`` loss, and the teacher's logits; those of labeled images come first if they
            take part.
        """
        views, samples = [inputs[WEAK]], data_samples[WEAK]
        if TWIN in inputs and self.labeled_consistency:
            views, samples = [inputs[TWIN], *views], data_samples[LABELED] + samples
        valid = valid_pixels(samples)
        mine = torch.cat([self.compared(output) for output in outputs[-len(views) :]])
        wanted = self.run_frozen("teacher", torch.cat(views)).logits
        mine, wanted = (self.upsample(logits, valid.shape[1:]) for logits in (mine, wanted))
        return probability_consistency(mine, wanted, valid), wanted

    def compared(self, output: Output) -> Tensor:
        """Return the student's ``(B, K, h, w)`` output to compare: logits or tapped branch."""
        return output.logits if self.feature_tap is None else output.feature

    def with_distance(self, losses: dict[str, Tensor], outputs: list[Output]) -> dict[str, Tensor]:
        """Add the distance between the student's two outputs, if it has two."""
        if self.feature_tap is not None:
            gaps = [output.logits.float() - self.compared(output).float() for output in outputs]
            losses["loss_distance"] = self.distance_weight * torch.cat(gaps).square().mean()
        return losses
