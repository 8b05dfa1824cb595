# SPDX-License-Identifier: Apache-2.0
"""Base class of all methods: student, optional teacher, prediction and checkpoint loading."""

from collections.abc import Iterable
from math import exp
from pathlib import Path

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.layers import FeatureTap, PerturbedFeatures, PseudoLabelQuality
from rankseg.models.layers.dilated import speed_up_dilated
from rankseg.models.layers.quality import classes_in
from rankseg.models.methods.assembly_terms import AssemblyTerms
from rankseg.models.methods.setup import MethodSetup
from rankseg.models.methods.teacher import OPTIONS, TEACHER, build_teacher
from rankseg.models.segmentors.channels import fill_in_channels
from rankseg.models.segmentors.padding import cut_padding
from rankseg.models.segmentors.student import (
    Output,
    auxiliary_heads,
    check_network,
    check_outputs,
    first_rows,
    head_loss,
    upsample,
)
from rankseg.models.weights.finite import check_numbers
from rankseg.models.weights.pretrained import load_backbone
from rankseg.models.windows import predict
from rankseg.registry import MODELS
from rankseg.structures import LABELED

NETWORKS = ("student", "teacher")
RAMP_SHAPES = ("linear", "sigmoid")


def valid_pixels(data_samples: list) -> Tensor:
    """Return the mask of unlabeled pixels that are not padding: ``(B, H, W)`` bool."""
    return torch.cat([sample.valid.data for sample in data_samples])


def classes_of(data_samples: list) -> Tensor:
    """Return the classes of images with one label each: ``(B,)`` int64."""
    return torch.cat([sample.gt_sem_seg.data.flatten() for sample in data_samples])


def sigmoid_rampup(progress: float) -> float:
    """Return ``exp(-5 (1 - t)^2)`` for progress ``t``: 0.007 at the start (0), 1 at the end (1).

    Source: Laine and Aila, Temporal Ensembling (ICLR 2017).
    """
    return exp(-5 * (1 - min(1.0, progress)) ** 2)


class Method(MethodSetup, BaseModel):
    """Base class of all methods.

    The student is any mmseg segmentor with ``extract_feat`` and one ``decode_head`` that returns
    logits: ``(B, K, h, w)`` for segmentation, ``(B, K, 1, 1)`` for classification with
    :class:`~rankseg.models.heads.ImageLevelHead`. Labels have the size of the image or 1x1, and
    methods handle both the same way. The optional teacher is an exponential moving average of the
    student, updated by :class:`~rankseg.engine.hooks.EMATeacherHook`.

    After a step, ``label_classes``, ``(K,)`` bool, marks the classes that had confident
    pseudo-labels.

    Subclasses implement :meth:`loss`. Terms named ``loss_*`` are summed to the total loss; all
    other returned values are only logged. If the student has spatial assembly networks, their loss
    is added, see :class:`~rankseg.models.methods.assembly_terms.AssemblyTerms`.

    Args:
        student: Config of the segmentor.
        data_preprocessor: Config of the preprocessor.
        pretrained: File with weights for the student's backbone. They are loaded strictly when the
            model is initialized. None trains from random weights.
        teacher: None, or ``dict(momentum=m)``: after every iteration the teacher becomes ``(1 - m)
            teacher + m student``, including the batch-norm running statistics. The first iteration
            copies the student. ``buffers=False`` averages only the parameters: during training the
            teacher then normalizes with batch statistics, like the student, and copies the
            student's running statistics. ``warmup=w`` uses ``w / (t + w)`` in iteration ``t``
            while that is larger than ``m``; True is 1. In runs of a few hundred iterations, 9 keeps
            the teacher close to the student. Instead, ``early_momentum=0.01, early_steps=40_000``
            uses another ``m`` in the first iterations.
        labels_from: Network that makes the pseudo-labels, ``"student"`` or ``"teacher"``.
        predict_on: Network used for prediction, ``"student"`` or ``"teacher"``. With a teacher,
            validation also reports the other network, under its name.
        warmup: First iteration with unsupervised terms; 0 uses them from the start.
        ramp: Number of iterations after the warm-up in which their weight rises to 1.
        ramp_shape: ``"linear"``, or ``"sigmoid"`` for ``exp(-5 (1 - t)^2)``.
        track_pseudo_labels: Count the confident pseudo-labels and, if the ground truth of the
            unlabeled images is known, the correct ones. See
            :class:`~rankseg.engine.hooks.PseudoLabelHook`.

    Raises:
        ValueError: If an option refers to a teacher that is not configured, a number is negative,
            or a head does not have one output per class.
        FileNotFoundError: If the ``pretrained`` file does not exist.
    """

    OF_ONE_RUN: tuple[str, ...] = ()  # submodules whose state is valid for one run only
    feature_tap: str | None = None
    label_classes: Tensor | None = None
    other_map: str = "pred_sem_seg"  # map added for the network that does not predict
    strong_views: int = 2  # views of an unlabeled image in the student's smallest forward pass
    feature_dropout: float = 0.0  # share of channels dropped in a second pass through the head
    threshold: float | tuple[float, ...] | None = None  # confidence of usable pseudo-labels

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
        known = NETWORKS if teacher is not None else ("student",)
        cure = "" if len(known) > 1 else "A teacher needs model.teacher=dict(momentum=0.004)."
        expect(labels_from in known, "model.labels_from", f"one of {known}", labels_from, cure)
        expect(predict_on in known, "model.predict_on", f"one of {known}", predict_on, cure)
        expect(warmup >= 0, "model.warmup", "0 or more", warmup)
        expect(ramp >= 0, "model.ramp", "0 or more", ramp)
        expect(ramp_shape in RAMP_SHAPES, "model.ramp_shape", f"one of {RAMP_SHAPES}", ramp_shape)
        if pretrained is not None and not Path(pretrained).is_file():
            raise FileNotFoundError(
                f"Expected model.pretrained to be a file, but {pretrained!r} does not exist. Put "
                "the ImageNet weights of the backbone there (data/README.md says which), or train "
                "from random weights with --cfg-options model.pretrained=None."
            )
        self.pretrained = pretrained
        self.labels_from = labels_from
        self.predict_on = predict_on
        self.warmup = warmup
        self.ramp = ramp
        self.ramp_shape = ramp_shape
        check_outputs(student)
        fill_in_channels(student)
        self.student = MODELS.build(student)
        check_network(self.student)
        cut_padding(self.student)
        speed_up_dilated(self.student)
        self.teacher = None
        self.pool = None  # a DiscoveredPool in methods that discover images
        if teacher is not None:
            valid = {"momentum"} <= set(teacher) <= OPTIONS
            expect(valid, "model.teacher", TEACHER, dict(teacher))
            self.teacher = build_teacher(self.student, **teacher)
        self.quality = None
        if track_pseudo_labels:
            self.quality = PseudoLabelQuality(self.student.decode_head.num_classes)

    # --- weights

    def init_weights(self) -> None:
        """Initialize the student, load ``pretrained`` into its backbone, copy it to the teacher."""
        super().init_weights()
        if self.pretrained is not None:
            load_backbone(self.student.backbone, self.pretrained)
        if self.teacher is not None:
            self.teacher.module.load_state_dict(self.student.state_dict())

    def _dump_init_info(self, *args) -> None:
        """Suppress MMEngine's log of how each parameter was initialized, a screen per layer."""

    def train(self, mode: bool = True) -> "Method":
        """Set the mode of the student; the runner calls this in every step.

        A teacher that averages its buffers stays in eval mode.
        """
        super().train(mode)
        if self.teacher is not None and self.teacher.use_buffers:
            self.teacher.eval()
        return self

    def update_teacher(self) -> None:
        """Move the teacher toward the student; called after every iteration."""
        self.teacher.update_parameters(self.student)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Load a checkpoint; the weights of a plain segmentor go to the student and the teacher.

        Raises:
            BadWeightsError: If a tensor is not finite or not floating point.
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
        """Fill in state that a checkpoint lacks: the teacher and the memory of the method.

        A missing teacher starts as a copy of the student, and memory banks start empty. Methods
        with further networks override this to initialize them.

        Args:
            state_dict: State dict, changed in place.
            prefix: Prefix of this method's keys.
        """
        if self.teacher is not None:
            for key in [k for k in state_dict if k.startswith(f"{prefix}student.")]:
                name = key[len(f"{prefix}student.") :]
                state_dict.setdefault(f"{prefix}teacher.module.{name}", state_dict[key])
            state_dict.setdefault(f"{prefix}teacher.n_averaged", self.teacher.n_averaged.clone())
            for name, parameter in self.student.named_parameters():
                key = f"{prefix}student.{name}"
                if not parameter.requires_grad and key in state_dict:  # shared by both
                    state_dict[f"{prefix}teacher.module.{name}"] = state_dict[key]
        saved = self.state_dict(prefix=prefix)  # without buffers that are set by options
        for name, buffer in self.named_buffers():
            key = f"{prefix}{name}"
            if key in saved and name.split(".")[0] not in (*NETWORKS, "data_preprocessor"):
                state_dict.setdefault(key, buffer)

    # --- running networks

    def network(self, name: str) -> nn.Module:
        """Return the student or the teacher by name.

        Raises:
            ValueError: If there is no network with this name.
        """
        if name not in NETWORKS or (name == "teacher" and self.teacher is None):
            raise ValueError(
                f"{type(self).__name__} has no network {name!r}. Use 'student', or 'teacher' with "
                "model.teacher=dict(momentum=0.01)."
            )
        return self.student if name == "student" else self.teacher.module

    def run(
        self, network: nn.Module, images: Tensor, labeled: int = 0, feature_dropout: float = 0.0
    ) -> Output:
        """Run a network in its current mode.

        Args:
            network: The student or the teacher's module.
            images: ``(B, 3, H, W)``.
            labeled: Number of leading rows that are labeled; auxiliary heads see only these.
            feature_dropout: If above 0, drop this share of the feature channels in a second pass
                through the head. The output then has ``2B`` rows: clean ones, then perturbed ones.
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
        """Run several views through the student in one pass, so that they share batch statistics.

        Args:
            views: Images ``(B, 3, H, W)`` of each view.
            labeled: Whether the first view holds the labeled images, which auxiliary heads see.
            feature_dropout: If above 0, run the features once more with this share of channels
                dropped.

        Returns:
            One output per view, followed by one per view for the perturbed features, if any.
        """
        sizes = [len(view) for view in views]
        count = sizes[0] if labeled else 0
        output = self.run(self.student, torch.cat(views), count, feature_dropout)
        return output.split(sizes * 2 if feature_dropout > 0 else sizes)

    @torch.no_grad()
    def run_frozen(self, name: str, images: Tensor) -> Output:
        """Run a network without gradients and restore its mode afterwards.

        It runs in eval mode, except for a teacher with ``buffers=False``, which keeps its mode.
        """
        network = self.network(name)
        mode = network.training
        network.train(mode and name == "teacher" and not self.teacher.use_buffers)
        output = self.run(network, images)
        network.train(mode)
        return output

    def upsample(self, logits: Tensor, size: Iterable[int]) -> Tensor:
        """Resize logits to the size of the labels, in float32, as for a prediction."""
        return upsample(logits, size, self.student.decode_head)

    # --- losses

    def unsupervised_weight(self) -> float:
        """Return the weight of the unsupervised terms: 0 during warm-up, then rising to 1."""
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
        """Train on the labeled images alone, as during warm-up."""
        images = inputs[LABELED]
        output = self.run(self.student, images, labeled=len(images))
        return {"loss_x": self.supervised_loss(output, data_samples[LABELED])}

    def supervised_loss(self, output: Output, data_samples: list) -> Tensor:
        """Return the sum of the configured head losses on the labeled images.

        Args:
            output: Output of the student for the labeled images.
            data_samples: Their samples, with ``gt_sem_seg``.
        """
        label = torch.stack([sample.gt_sem_seg.data for sample in data_samples])
        heads = [self.student.decode_head, *auxiliary_heads(self.student)]
        logits = [output.logits, *output.auxiliary]
        pairs = zip(heads, logits, strict=True)
        return sum(head_loss(head, one, data_samples, label) for head, one in pairs)

    def track(self, label: Tensor, confident: Tensor, data_samples: list) -> None:
        """Record the classes of confident pseudo-labels and, if enabled, their quality.

        Args:
            label: ``(B, h, w)`` int64 pseudo-labels.
            confident: ``(B, h, w)`` bool.
            data_samples: Samples of the unlabeled images. Their ground truth is used if all have
                one.
        """
        valid = valid_pixels(data_samples)
        label = label.masked_fill(~valid, -100)
        self.label_classes = classes_in(label, confident, self.student.decode_head.num_classes)
        if self.quality is None:
            return
        truth = [sample.gt_sem_seg.data for sample in data_samples if "gt_sem_seg" in sample]
        known = len(truth) == len(data_samples)
        self.quality.update(label, confident, torch.cat(truth) if known else None)

    # --- training step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss terms of one step; implemented by each method.

        Args:
            inputs: The views of the batch, each ``(B, 3, H, W)``.
            data_samples: The samples of each view.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define loss()")

    # --- MMEngine interface

    def forward(self, inputs, data_samples=None, mode: str = "tensor"):
        """Dispatch by the mode of MMEngine's runner: ``"loss"``, ``"predict"`` or ``"tensor"``."""
        if mode == "loss":
            with AssemblyTerms(self) as assembly:
                losses = self.loss(inputs, data_samples)
            return {**losses, **assembly.terms()}
        if mode == "predict":
            return self.predict(inputs, data_samples)
        return self.run(self.network(self.predict_on), inputs).logits

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Predict with the network named by ``predict_on``; with a teacher, also add the other map.

        Returns:
            The samples with ``pred_sem_seg``. If there is a teacher, they also hold the prediction
            of the network that ``predict_on`` does not name, as ``student_sem_seg`` or
            ``teacher_sem_seg``; embedding networks use ``student_seg_logits`` or
            ``teacher_seg_logits``.
        """
        others = None
        if self.teacher is not None:
            (other,) = set(NETWORKS) - {self.predict_on}
            # A segmentor writes into the samples it receives, so collect the maps right away.
            others = [
                result.get(self.other_map).data
                for result in predict(self.network(other), inputs, data_samples)
            ]
        results = predict(self.network(self.predict_on), inputs, data_samples)
        for result, data in zip(results, others or [], strict=others is not None):
            name = f"{other}_{self.other_map.removeprefix('pred_')}"
            result.set_data({name: PixelData(data=data)})
        return results
