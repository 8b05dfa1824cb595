# SPDX-License-Identifier: Apache-2.0
"""What every method shares: a student, an optional teacher, prediction, loading."""

from collections.abc import Iterable
from math import exp
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor, nn

from rankseg.models.assembly_terms import AssemblyTerms
from rankseg.models.layers import FeatureTap, PerturbedFeatures, PseudoLabelQuality
from rankseg.models.layers.quality import classes_in
from rankseg.models.outputs import Output, auxiliary_heads, check_outputs
from rankseg.models.pretrained import load_backbone
from rankseg.models.sliding import predict
from rankseg.models.students import check_network, first_rows, head_loss, upsample
from rankseg.models.teacher import TEACHER, build_teacher
from rankseg.models.weights import check_numbers
from rankseg.registry import MODELS
from rankseg.structures import LABELED

NETWORKS = ("student", "teacher")
RAMP_SHAPES = ("linear", "sigmoid")


def valid_pixels(data_samples: list) -> Tensor:
    """Return where unlabeled images are not padding: ``(B, H, W)`` bool."""
    return torch.cat([sample.valid.data for sample in data_samples])


def sigmoid_rampup(progress: float) -> float:
    """``exp(-5 (1 - t)^2)`` of a progress from 0 to 1: 0.007 at the start, 1 at the end.

    Source: Laine and Aila, Temporal Ensembling (ICLR 2017).
    """
    return exp(-5 * (1 - min(1.0, progress)) ** 2)


class Method(BaseModel):
    """Base of all methods.

    The student is any mmseg segmentor with ``extract_feat`` and one ``decode_head`` that returns
    logits: ``(B, K, h, w)`` for segmentation, ``(B, K, 1, 1)`` for classification by
    :class:`~rankseg.models.heads.ImageLevelHead`; labels have the size of the image or 1x1, and no
    method asks which. The teacher, if there is one, is an exponential moving average of the
    student, updated by :class:`~rankseg.engine.hooks.EMATeacherHook`.

    After a step ``label_classes``, ``(K,)`` bool, tells which classes confident pseudo-labels had.

    A method implements :meth:`loss`. Terms are named ``loss_*`` and add up to the loss; whatever
    else it returns is logged. Where the student has spatial assembly networks, their loss joins,
    see :class:`~rankseg.models.assembly_terms.AssemblyTerms`.

    Args:
        student: Config of the segmentor.
        data_preprocessor: Config of the preprocessor.
        pretrained: File with weights for the student's backbone, loaded strictly when weights are
            initialised; None trains from random weights.
        teacher: None, or ``dict(momentum=m)``: after every iteration the teacher becomes
            ``(1 - m) teacher + m student``, running statistics of batch-norm included; the first
            iteration copies the student. ``buffers=False`` averages the parameters only: the
            teacher then normalises by the batch while training, as the student does, and takes
            over the student's running statistics. ``warmup=True`` moves by ``1 / (t + 1)`` in
            iteration ``t`` while that is more than ``m``.
        labels_from: ``"student"`` or ``"teacher"``: which network makes the pseudo-labels.
        predict_on: ``"student"`` or ``"teacher"``: which network's prediction is *the* prediction.
            Where there are both, validation reports the other one too, under its name.
        warmup: First iteration with unsupervised terms; 0 starts with them.
        ramp: Iterations in which their weight then rises to 1.
        ramp_shape: ``"linear"``, or ``"sigmoid"`` for ``exp(-5 (1 - t)^2)``.
        track_pseudo_labels: Count how many pseudo-labels are confident and, where the truth of
            unlabelled images is known, right: see
            :class:`~rankseg.engine.hooks.PseudoLabelHook`.

    Raises:
        ValueError: If a teacher is asked for that does not exist, a number is negative, or a head
            has not one output for every class.
        FileNotFoundError: If ``pretrained`` is not there.
    """

    OF_ONE_RUN: tuple[str, ...] = ()  # submodules that another run does not start with
    feature_tap: str | None = None
    label_classes: Tensor | None = None
    views: tuple[str, ...] = (LABELED,)  # what a batch must hold
    other_map: str = "pred_sem_seg"  # what a prediction tells of the network that does not predict

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
        ramp_shape: str = "linear",
        track_pseudo_labels: bool = False,
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
        if ramp_shape not in RAMP_SHAPES:
            raise ValueError(f"model.ramp_shape={ramp_shape!r}: expected one of {RAMP_SHAPES}")
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
        self.ramp_shape = ramp_shape
        check_outputs(student)
        self.student = MODELS.build(student)
        check_network(self.student)
        self.teacher = None
        if teacher is not None:
            if not {"momentum"} <= set(teacher) <= {"momentum", "buffers", "warmup"}:
                raise ValueError(f"model.teacher={dict(teacher)}: expected {TEACHER}")
            self.teacher = build_teacher(self.student, **teacher)
        self.quality = None
        if track_pseudo_labels:
            self.quality = PseudoLabelQuality(self.student.decode_head.num_classes)

    # --- weights

    def init_weights(self) -> None:
        """Initialise the student, load ``pretrained`` into its backbone, copy to the teacher."""
        super().init_weights()
        if self.pretrained is not None:
            load_backbone(self.student.backbone, self.pretrained)
        if self.teacher is not None:
            self.teacher.module.load_state_dict(self.student.state_dict())

    def _dump_init_info(self, *args) -> None:
        """Keep mmengine's account of how each parameter began, a screen per layer, off the log."""

    def train(self, mode: bool = True) -> "Method":
        """Switch the student; the runner calls this every step.

        A teacher with statistics of its own stays in eval mode.
        """
        super().train(mode)
        if self.teacher is not None and self.teacher.use_buffers:
            self.teacher.eval()
        return self

    def update_teacher(self) -> None:
        """Move the teacher towards the student; called after every iteration."""
        self.teacher.update_parameters(self.student)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Accept the checkpoint of a plain segmentor: its weights go to student and teacher.

        Raises:
            BadWeightsError: If a tensor is not finite, or not of floating-point numbers.
        """
        own = [key for key in state_dict if key.startswith(prefix)]
        if own and not any(key.startswith(f"{prefix}student.") for key in own):
            for key in own:
                value = state_dict.pop(key)
                state_dict[f"{prefix}student.{key[len(prefix) :]}"] = value
        self.complete_state(state_dict, prefix)
        check_numbers(state_dict, self.state_dict(prefix=prefix))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """Add what a checkpoint with a student may lack: the teacher, and what a method remembers.

        The teacher begins as the student; what is remembered begins empty. A method with networks
        of its own says how they begin.

        Args:
            state_dict: Changed in place.
            prefix: What stands before the names of this method.
        """
        if self.teacher is not None:
            for key in [k for k in state_dict if k.startswith(f"{prefix}student.")]:
                name = key[len(f"{prefix}student.") :]
                state_dict.setdefault(f"{prefix}teacher.module.{name}", state_dict[key])
            state_dict.setdefault(f"{prefix}teacher.n_averaged", self.teacher.n_averaged.clone())
        for name, buffer in self.named_buffers():
            if name.split(".")[0] not in (*NETWORKS, "data_preprocessor"):
                state_dict.setdefault(f"{prefix}{name}", buffer)

    # --- running networks

    def network(self, name: str) -> nn.Module:
        """The student or the teacher, by name.

        Raises:
            ValueError: If there is no network of this name.
        """
        if name not in NETWORKS or (name == "teacher" and self.teacher is None):
            raise ValueError(f"{type(self).__name__} has no network {name!r}")
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
                rows = first_rows(features, labeled)
                auxiliary = tuple(head(rows) for head in auxiliary_heads(network))
            if feature_dropout > 0:
                features = PerturbedFeatures(features, feature_dropout)
            logits = network.decode_head(features)
        return Output(logits, tap.output, auxiliary)

    def run_views(
        self, *views: Tensor, labeled: bool = True, feature_dropout: float = 0.0
    ) -> list[Output]:
        """Run views through the student in one pass, so that they share batch statistics.

        Args:
            views: Images ``(B, 3, H, W)`` of each view.
            labeled: The first view holds the labeled images, which auxiliary heads see.
            feature_dropout: Above 0, run the features once more with this share of channels
                dropped.

        Returns:
            One output per view, followed by one per view of the perturbed features, if any.
        """
        sizes = [len(view) for view in views]
        count = sizes[0] if labeled else 0
        output = self.run(self.student, torch.cat(views), count, feature_dropout)
        return output.split(sizes * 2 if feature_dropout > 0 else sizes)

    @torch.no_grad()
    def run_frozen(self, name: str, images: Tensor) -> Output:
        """Run a network without gradients, and leave its mode as it was.

        It runs in eval mode, but for a teacher of parameters only, see ``teacher``.
        """
        network = self.network(name)
        mode = network.training
        network.train(mode and name == "teacher" and not self.teacher.use_buffers)
        output = self.run(network, images)
        network.train(mode)
        return output

    def upsample(self, logits: Tensor, size: Iterable[int]) -> Tensor:
        """Bring logits to the size of the labels, in float32."""
        return upsample(logits, size, self.student.decode_head.align_corners)

    # --- losses

    def unsupervised_weight(self) -> float:
        """Weight of the unsupervised terms at this iteration: 0 in warm-up, then up to 1."""
        step = (
            MessageHub.get_current_instance().get_info("iter", 0) if self.warmup + self.ramp else 0
        )
        if step < self.warmup:
            return 0.0
        progress = min(1.0, (step - self.warmup + 1) / (self.ramp + 1))
        return sigmoid_rampup(progress) if self.ramp_shape == "sigmoid" else progress

    def supervised_step(
        self, inputs: dict[str, Tensor], data_samples: dict[str, list]
    ) -> dict[str, Tensor]:
        """Train on the labeled images alone, as a warm-up does."""
        images = inputs[LABELED]
        output = self.run(self.student, images, labeled=len(images))
        return {"loss_x": self.supervised_loss(output, data_samples[LABELED])}

    def supervised_loss(self, output: Output, data_samples: list) -> Tensor:
        """Sum of the losses that the configs of the heads name, on the labelled images.

        Args:
            output: What the student says of the labelled images.
            data_samples: Their samples, with ``gt_sem_seg``.
        """
        label = torch.stack([sample.gt_sem_seg.data for sample in data_samples])
        heads = [self.student.decode_head, *auxiliary_heads(self.student)]
        logits = [output.logits, *output.auxiliary]
        pairs = zip(heads, logits, strict=True)
        return sum(head_loss(head, said, data_samples, label) for head, said in pairs)

    def track(self, label: Tensor, confident: Tensor, data_samples: list) -> None:
        """Note which classes the pseudo-labels have and, if that is asked for, count them.

        Args:
            label: ``(B, h, w)`` int64.
            confident: ``(B, h, w)`` bool.
            data_samples: Of the unlabelled images; their truth is used where all have one.
        """
        valid = valid_pixels(data_samples)
        label = label.masked_fill(~valid, -100)
        self.label_classes = classes_in(label, confident, self.student.decode_head.num_classes)
        if self.quality is None:
            return
        truth = [sample.gt_sem_seg.data for sample in data_samples if "gt_sem_seg" in sample]
        known = len(truth) == len(data_samples)
        self.quality.update(label, confident, torch.cat(truth) if known else None)

    @classmethod
    def make_tiny(cls, config: dict, cells: int) -> None:
        """Shrink a config of this method so that two iterations run all of its terms.

        Args:
            config: Config of the method; changed in place.
            cells: Positions along one side of the feature map.
        """
        config.update(warmup=0, ramp=0)
        cls.shrink_memory(config)

    @classmethod
    def shrink_memory(cls, config: dict) -> None:
        """Shrink in place what a config of this method has the method remember."""

    def check_dataset(self, dataset: Any) -> None:
        """Refuse a data set that the method cannot train on; called before training.

        Args:
            dataset: The :class:`~rankseg.datasets.SemiDataset` of the training loader.

        Raises:
            ValueError: If it cannot.
        """

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Terms of the loss of one batch of views; each method has its own."""
        raise NotImplementedError(f"{type(self).__name__} does not define loss()")

    # --- mmengine's entry

    def forward(self, inputs, data_samples=None, mode: str = "tensor"):
        """Dispatch as mmengine's runner asks: ``"loss"``, ``"predict"`` or ``"tensor"``."""
        if mode == "loss":
            with AssemblyTerms(self) as assembly:
                losses = self.loss(inputs, data_samples)
            return {**losses, **assembly.terms()}
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.run(self.network(self.predict_on), inputs).logits

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Predict with ``predict_on``; with a teacher, the other network's map goes along.

        Returns:
            The samples with ``pred_sem_seg``, and ``student_sem_seg`` or ``teacher_sem_seg``, the
            prediction of the network that ``predict_on`` does not name, where there are two; of
            embedding networks ``student_seg_logits`` or ``teacher_seg_logits``.
        """
        others = None
        if self.teacher is not None:
            (other,) = set(NETWORKS) - {self.predict_on}
            # a segmentor writes into the samples it is given, so the maps are taken at once
            others = [
                result.get(self.other_map).data
                for result in predict(self.network(other), inputs, data_samples)
            ]
        results = predict(self.network(self.predict_on), inputs, data_samples)
        for result, data in zip(results, others or [], strict=others is not None):
            name = f"{other}_{self.other_map.removeprefix('pred_')}"
            result.set_data({name: PixelData(data=data)})
        return results
