# SPDX-License-Identifier: Apache-2.0
"""What every method shares: a student, an optional teacher, prediction, loading."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rankseg.models.layers import FeatureTap, PerturbedFeatures
from rankseg.models.pretrained import load_backbone
from rankseg.registry import MODELS
from rankseg.structures import LABELED

NETWORKS = ("student", "teacher")


class Output(NamedTuple):
    """What a network says of a batch.

    Attributes:
        logits: ``(B, K, h, w)`` at the head's own resolution.
        feature: ``(B, C, h', w')`` from the feature tap, or None without one.
        auxiliary: Logits of the student's auxiliary heads for the labelled rows.
    """

    logits: Tensor
    feature: Tensor | None = None
    auxiliary: tuple[Tensor, ...] = ()

    def split(self, sizes: list[int]) -> list["Output"]:
        """Cut along the batch; what the auxiliary heads say belongs to the first piece.

        Features tapped before the perturbation have fewer rows, and end with the clean pieces.
        """
        features = [None] * len(sizes)
        if self.feature is not None:
            clean = len(sizes)
            while sum(sizes[:clean]) > len(self.feature):
                clean -= 1
            features[:clean] = self.feature.split(sizes[:clean])
        pieces = [Output(*pair) for pair in zip(self.logits.split(sizes), features, strict=True)]
        pieces[0] = pieces[0]._replace(auxiliary=self.auxiliary)
        return pieces


def build_teacher(student: nn.Module, momentum: float) -> AveragedModel:
    """An exponential moving average of the student, without gradients and in eval mode.

    Raises:
        ValueError: If ``momentum``, the share of the student in a step, is outside ``(0, 1]``.
    """
    if not 0 < momentum <= 1:
        raise ValueError(
            f"model.teacher.momentum={momentum}: expected the student's share of an update, above "
            "0 and at most 1, for example 0.004"
        )
    average = get_ema_multi_avg_fn(1 - momentum)
    teacher = AveragedModel(student, multi_avg_fn=average, use_buffers=True)
    return teacher.requires_grad_(False).eval()


def auxiliary_heads(network: nn.Module) -> list[nn.Module]:
    """The auxiliary heads of an mmseg segmentor, if it has any."""
    heads = getattr(network, "auxiliary_head", None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


class Method(BaseModel):
    """Base of all methods.

    The student is any mmseg segmentor with ``extract_feat`` and a ``decode_head`` that returns
    logits. The teacher, if there is one, is an exponential moving average of the student, always
    in eval mode, updated by :class:`~rankseg.engine.hooks.EMATeacherHook`.

    A method implements :meth:`loss`. Terms are named ``loss_*`` and add up to the loss; whatever
    else it returns is logged.

    Args:
        student: Config of the segmentor.
        data_preprocessor: Config of the preprocessor.
        pretrained: File with weights for the student's backbone, loaded strictly when weights are
            initialised; None trains from random weights.
        teacher: None, or ``dict(momentum=m)``: after every iteration the teacher becomes
            ``(1 - m) teacher + m student``, running statistics of batch-norm included; the first
            iteration copies the student.
        labels_from: ``"student"`` or ``"teacher"``: which network makes the pseudo-labels.
        predict_on: ``"student"`` or ``"teacher"``: which network's prediction is *the* prediction.
            Where there are both, validation reports the other one too, under its name.
        warmup: First iteration with unsupervised terms; 0 starts with them.
        ramp: Iterations in which their weight then rises linearly to 1.

    Raises:
        ValueError: If a teacher is asked for that does not exist, or a number is negative.
        FileNotFoundError: If ``pretrained`` is not there.
    """

    feature_tap: str | None = None
    views: tuple[str, ...] = (LABELED,)  # what a batch must hold

    def __init__(
        self,
        student: dict,
        data_preprocessor: dict | None = None,
        pretrained: str | None = None,
        teacher: dict | None = None,
        labels_from: str = "student",
        predict_on: str = "student",
        warmup: int = 0,
        ramp: int = 0,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        for key, value in (("labels_from", labels_from), ("predict_on", predict_on)):
            if value not in NETWORKS or (value == "teacher" and teacher is None):
                raise ValueError(
                    f"model.{key}={value!r}: expected 'student', or 'teacher' together with "
                    "model.teacher=dict(momentum=0.004)"
                )
        if warmup < 0 or ramp < 0:
            raise ValueError(f"model.warmup={warmup} and model.ramp={ramp} must not be negative")
        if pretrained is not None and not Path(pretrained).is_file():
            raise FileNotFoundError(
                f"model.pretrained={pretrained!r} does not exist: put the ImageNet weights of the "
                "backbone there (data/README.md says which), or train from random weights with "
                "--cfg-options model.pretrained=None"
            )
        self.pretrained = pretrained
        self.labels_from = labels_from
        self.predict_on = predict_on
        self.warmup = warmup
        self.ramp = ramp
        self.student = MODELS.build(student)
        self.teacher = None
        if teacher is not None:
            if set(teacher) != {"momentum"}:
                raise ValueError(
                    f"model.teacher={dict(teacher)}: expected one option, dict(momentum=0.004)"
                )
            self.teacher = build_teacher(self.student, **teacher)

    # --- weights

    def init_weights(self) -> None:
        """Initialise the student, load ``pretrained`` into its backbone, copy to the teacher."""
        super().init_weights()
        if self.pretrained is not None:
            load_backbone(self.student.backbone, self.pretrained)
        if self.teacher is not None:
            self.teacher.module.load_state_dict(self.student.state_dict())

    def train(self, mode: bool = True) -> "Method":
        """Switch the student; the teacher stays in eval mode (the runner calls this every step)."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def update_teacher(self) -> None:
        """Move the teacher towards the student; called after every iteration."""
        self.teacher.update_parameters(self.student)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Accept the checkpoint of a plain segmentor: its weights go to student and teacher."""
        own = [key for key in state_dict if key.startswith(prefix)]
        if own and not any(key.startswith(f"{prefix}student.") for key in own):
            for key in own:
                value = state_dict.pop(key)
                state_dict[f"{prefix}student.{key[len(prefix) :]}"] = value
        if self.teacher is not None:
            for key in [k for k in state_dict if k.startswith(f"{prefix}student.")]:
                name = key[len(f"{prefix}student.") :]
                state_dict.setdefault(f"{prefix}teacher.module.{name}", state_dict[key])
            state_dict.setdefault(f"{prefix}teacher.n_averaged", self.teacher.n_averaged.clone())
        super()._load_from_state_dict(state_dict, prefix, *args)

    # --- running networks

    def network(self, name: str) -> nn.Module:
        """The student or the teacher, by name."""
        return self.student if name == "student" else self.teacher.module

    def run(
        self, network: nn.Module, images: Tensor, labeled: int = 0, feature_dropout: float = 0.0
    ) -> Output:
        """Run a network in whatever mode it is in.

        Args:
            network: The student or the teacher's module.
            images: ``(B, 3, H, W)``.
            labeled: How many of the first rows are labelled: auxiliary heads see only those.
            feature_dropout: Above 0, the output has ``2B`` rows: clean ones, then those of
                features with this share of channels dropped.
        """
        with FeatureTap(network, self.feature_tap) as tap:
            features = network.extract_feat(images)
            auxiliary = ()
            if labeled:
                rows = [feature[:labeled] for feature in features]
                auxiliary = tuple(head(rows) for head in auxiliary_heads(network))
            if feature_dropout > 0:
                features = PerturbedFeatures(features, feature_dropout)
            logits = network.decode_head(features)
        return Output(logits, tap.output, auxiliary)

    @torch.no_grad()
    def run_frozen(self, name: str, images: Tensor) -> Output:
        """Run a network in eval mode without gradients, and leave its mode as it was."""
        network = self.network(name)
        mode = network.training
        network.eval()
        output = self.run(network, images)
        network.train(mode)
        return output

    def upsample(self, logits: Tensor, size: Iterable[int]) -> Tensor:
        """Bring logits to the size of the image, in float32."""
        head = self.student.decode_head
        return F.interpolate(
            logits.float(), tuple(size), mode="bilinear", align_corners=head.align_corners
        )

    # --- losses

    def unsupervised_weight(self) -> float:
        """Weight of the unsupervised terms at this iteration: 0 in warm-up, then up to 1."""
        step = (
            MessageHub.get_current_instance().get_info("iter", 0) if self.warmup + self.ramp else 0
        )
        if step < self.warmup:
            return 0.0
        return min(1.0, (step - self.warmup + 1) / (self.ramp + 1))

    def supervised_loss(self, output: Output, data_samples: list) -> Tensor:
        """Sum of the losses that the configs of the heads name, on the labelled images.

        Args:
            output: What the student says of the labelled images.
            data_samples: Their samples, with ``gt_sem_seg``.
        """
        label = torch.stack([sample.gt_sem_seg.data for sample in data_samples])
        heads = [self.student.decode_head, *auxiliary_heads(self.student)]
        logits = [output.logits, *output.auxiliary]
        return sum(self._head_loss(*pair, label) for pair in zip(heads, logits, strict=True))

    def _head_loss(self, head: nn.Module, logits: Tensor, label: Tensor) -> Tensor:
        """A head's losses, without the accuracy that mmseg's ``loss_by_feat`` computes as well."""
        logits = self.upsample(logits, label.shape[2:])
        weight = None if head.sampler is None else head.sampler.sample(logits, label)
        losses = head.loss_decode
        losses = losses if isinstance(losses, nn.ModuleList) else [losses]
        return sum(
            loss(logits, label.squeeze(1), weight=weight, ignore_index=head.ignore_index)
            for loss in losses
        )

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Terms of the loss of one batch of views; each method has its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define loss()")

    # --- mmengine's entry

    def forward(self, inputs, data_samples=None, mode: str = "tensor"):
        """Dispatch as mmengine's runner asks: ``"loss"``, ``"predict"`` or ``"tensor"``."""
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.run(self.network(self.predict_on), inputs).logits

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Predict with ``predict_on``; with a teacher, the other network's map goes along.

        Returns:
            The samples with ``pred_sem_seg``, and ``student_sem_seg`` or ``teacher_sem_seg``, the
            prediction of the network that ``predict_on`` does not name, where there are two.
        """
        others = None
        if self.teacher is not None:
            (other,) = set(NETWORKS) - {self.predict_on}
            # a segmentor writes into the samples it is given, so the maps are taken at once
            others = [
                result.pred_sem_seg.data
                for result in self.network(other).predict(inputs, data_samples)
            ]
        results = self.network(self.predict_on).predict(inputs, data_samples)
        for result, data in zip(results, others or [], strict=others is not None):
            result.set_data({f"{other}_sem_seg": PixelData(data=data)})
        return results
