# SPDX-License-Identifier: Apache-2.0
"""CMSF: constrained mean shift pulls an image toward distant but related neighbors."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.layers.taps import embedding_size
from rankseg.models.losses import mean_shift, nearest
from rankseg.models.memory.bank import FeatureBank, check_bank_size
from rankseg.models.memory.mean_shift import MeanShiftMemory, PreviousFeatures, Targets
from rankseg.models.methods.base import NETWORKS, Method, classes_of
from rankseg.registry import MODELS
from rankseg.structures import LABELED, TWIN, WEAK, strong

CONSTRAINTS = (None, "previous", "third", "label")
THIRD = strong(2)  # the target network sees it, too
PAIRS = ((LABELED, TWIN), (WEAK, strong(1)))  # views of the target and of the online network


@MODELS.register_module()
class CMSF(Method):
    r"""Constrained mean shift, a generalization of MSF and BYOL.

    .. math:: L = \frac{1}{n} \sum_i \frac{1}{|S_i|} \sum_{z \in S_i} (2 - 2 \, v_i^T z)

    The teacher is the target network: its normalized projection ``u`` of the weak view enters the
    first-in, first-out memory ``M``. The student is the online network: ``v`` is the normalized
    prediction computed from its projection of the strong view. ``S`` holds the ``k`` nearest
    neighbors of ``u``, including ``u`` itself, among the entries of ``M`` that the constraint
    allows:

    - ``None``: all of ``M`` (MSF); with ``k=1``, only the target itself (BYOL).
    - ``"previous"``: entries whose features from the previous epoch are among the ``search``
      nearest to that of the image (self-supervised). No image is constrained while any image in
      ``M`` lacks such a feature: the few that have one at the start of the second epoch are
      unrelated.
    - ``"third"``: the same with the features of a third augmentation of each image in place of
      those from the previous epoch (section 2.1): another pass through the target network, and no
      first epoch without a constraint. The pipeline draws it like the target's view, with
      ``DrawViews(crops=dict(recipe=..., size=..., num=1))``.
    - ``"label"``: entries with the same label (supervised). Unlabeled images are constrained only
      if a ``classifier`` is confident of their class (semi-supervised). Entries without a label
      never count as members of a class.

    Labeled images take part through their twin view, ``DrawViews(weak=..., strong=...)`` in
    ``labeled_pipeline``. The head's own loss trains its classifier on them. With
    ``decode_head.probe=True`` this loss does not train the rest of the network, and validation
    reports the accuracy of a linear probe.

    Args:
        predictor: Config of the module that maps a projection to its prediction, such as
            :class:`~rankseg.models.layers.Projector`. ``in_channels`` and ``out_channels`` default
            to those of the projection. None compares the projection itself.
        embedding_tap: Submodule of the student that outputs the projection.
        memory_size: Number of entries in ``M``.
        k: Number of neighbors.
        constraint: Constraint on the neighbors, see above.
        free_share: Share of the unconstrained loss, in ``[0, 1]``, for constrained images. The
            paper uses one half without labels and none with labels.
        search: ``k'``.
        num_images: Number of unlabeled images, for ``"previous"``.
        top_all: Use all entries that the constraint allows, instead of ``k``.
        classifier: Config of the classifier of projections, trained by
            :class:`~rankseg.engine.hooks.PseudoClassifierHook`. Its ``in_channels`` and
            ``out_channels`` are set automatically.
        bank_size: Number of labeled images, for a ``classifier``.
        threshold: Minimum confidence of the classifier for its classes to count.
        crops: Number of additional strong views of an unlabeled image, seen only by the online
            network. The loss is averaged over its views.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`. A ``teacher`` is
            required; with ``buffers=False`` it normalizes with batch statistics, as in the released
            code.

    Raises:
        ValueError: If a number or name is out of range, or options are incompatible.

    Source: Navaneet et al., Constrained Mean Shift (ECCV 2022); Koohpayegani et al., MSF (ICCV
        2021); Grill et al., BYOL (NeurIPS 2020), without the symmetric term.
    """

    needs_image_labels = True

    def __init__(
        self,
        student: dict,
        predictor: dict | None,
        embedding_tap: str = "decode_head.branches.projection",
        memory_size: int = 128_000,
        k: int = 5,
        constraint: str | None = "previous",
        free_share: float = 0.5,
        search: int = 5,
        num_images: int = 0,
        top_all: bool = False,
        classifier: dict | None = None,
        bank_size: int = 0,
        threshold: float = 0.85,
        crops: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        self._check_target()
        for name, number, least in (("k", k, 1), ("search", search, 1), ("crops", crops, 0)):
            expect(number >= least, f"model.{name}", f"{least} or more", number)
        for name, share in (("free_share", free_share), ("threshold", threshold)):
            expect(0 <= share <= 1, f"model.{name}", "from 0 to 1", share)
        known = f"one of {CONSTRAINTS}"
        expect(constraint in CONSTRAINTS, "model.constraint", known, constraint)
        if constraint == "third":
            cure = "The view after the first strong one is the third augmentation."
            expect(not crops, "model.crops", "0 with constraint='third'", crops, cure)
        if constraint == "label":
            cure = "Only unlabeled images have more crops, so set model.crops=0."
            expect(not crops, "model.crops", "0 with constraint='label'", crops, cure)
        else:
            wanted = f"None with constraint={constraint!r}"
            cure = "Set model.constraint='label' to use a classifier."
            expect(not classifier, "model.classifier", wanted, classifier, cure)
        size = embedding_size(self.student, embedding_tap)
        self.feature_tap = embedding_tap
        self.k, self.search, self.top_all = k, search, top_all
        self.constraint, self.free_share, self.threshold = constraint, free_share, threshold
        self.crops = [strong(2 + i) for i in range(crops)]
        self.parts = PAIRS if constraint == "label" else PAIRS[1:]
        needed = self.parts[: 1 + bool(classifier)]
        third = (THIRD,) if constraint == "third" else ()
        self.views = (*(view for pair in needed for view in pair), *self.crops, *third)
        self.predictor = nn.Identity()
        if predictor is not None:
            self.predictor = MODELS.build(dict(in_channels=size, out_channels=size) | predictor)
        paired = constraint in ("previous", "third")
        self.memory = MeanShiftMemory(memory_size, size, paired=paired)
        self.previous = PreviousFeatures(num_images, size) if constraint == "previous" else None
        if self.previous is not None:
            # Keep it on the CPU: GPU processes cannot send it to each other, and all hold the same
            # copy.
            names = (f"previous.{name}" for name, _ in self.previous.named_buffers())
            self._ddp_params_and_buffers_to_ignore = list(names)
        self.classifier = None
        if classifier is not None:
            ends = dict(in_channels=size, out_channels=self.student.decode_head.num_classes)
            self.classifier = MODELS.build(ends | classifier).requires_grad_(False).eval()
            self.bank = FeatureBank(bank_size, size)
            self.register_buffer("classifier_ready", torch.zeros((), dtype=torch.bool))

    def _check_target(self) -> None:
        if self.teacher is None:
            raise ValueError(
                f"Expected model.teacher to be the target network of {type(self).__name__}, but "
                "got None. Set model.teacher=dict(momentum=0.01, buffers=False)."
            )

    def check_dataset(self, dataset: Any) -> None:
        """See the base class; also checks the numbers of images."""
        super().check_dataset(dataset)
        if self.previous is not None:
            size = len(self.previous.used)
            check_bank_size("num_images", size, dataset.num_unlabeled, "unlabeled")
        if self.classifier is not None:
            check_bank_size("bank_size", len(self.bank.label), dataset.num_labeled, "labeled")

    # --- weights

    def train(self, mode: bool = True) -> "CMSF":
        """See the base class; the classifier of projections stays in eval mode."""
        super().train(mode)
        if self.classifier is not None:
            self.classifier.eval()
        return self

    def update_teacher(self) -> None:
        """See the base class; also stores the features collected in this step."""
        super().update_teacher()
        if self.previous is not None:
            self.previous.store()

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; missing predictor and classifier keep their current weights."""
        super().complete_state(state_dict, prefix)
        for name, parameter in self.named_parameters():
            if name.split(".")[0] not in NETWORKS:
                state_dict.setdefault(f"{prefix}{name}", parameter.detach())

    def labeled_features(self) -> tuple[Tensor, Tensor]:
        """Return the latest targets ``(L, D)`` and classes ``(L,)`` of the labeled images seen."""
        return self.bank.feature[self.bank.written], self.bank.label[self.bank.written]

    def set_classifier(self, state: dict[str, Tensor]) -> None:
        """Assign labels with a classifier with these weights from now on."""
        self.classifier.load_state_dict(state)
        self.classifier_ready.fill_(True)

    # --- the step

    @classmethod
    def shrink_memory(cls, config: dict) -> None:
        """See the base class."""
        config["memory_size"] = min(64, config.get("memory_size", 64))

    @classmethod
    def fit_memory(cls, config: dict, num_labeled: int, num_unlabeled: int) -> None:
        """See the base class."""
        sizes = {"bank_size": num_labeled, "num_images": num_unlabeled}
        config.update({name: size for name, size in sizes.items() if config.get(name)})

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss of one step; see the class. Targets enter the memory first."""
        parts = [pair for pair in self.parts if set(pair) <= inputs.keys()]
        targets = self.targets(inputs, data_samples, [weak for weak, _ in parts])
        self.memory.write(targets)
        sizes = [len(inputs[view]) for _, view in parts]
        labeled = sizes[0] if parts[0] == PAIRS[0] else 0
        images = torch.cat([inputs[view] for _, view in parts])
        output = self.run(self.student, images, labeled=labeled)
        online = [self.predicted(output.feature)]
        if self.crops:
            crops = torch.cat([inputs[view] for view in self.crops])
            more = self.predicted(self.run(self.student, crops).feature)
            online += more.chunk(len(self.crops))
        rows, bound = self.shift(torch.stack(online).mean(0), targets)
        losses = {"loss_shift": rows.mean()}
        if labeled:
            output = output.split([labeled, len(images) - labeled])[0]
            losses["loss_x"] = self.supervised_loss(output, data_samples[LABELED])
        return {**losses, "constrained": bound.float().mean()}

    def predicted(self, projection: Tensor) -> Tensor:
        """Return ``v``, ``(B, D)`` float32 with unit length, from a tapped projection."""
        return F.normalize(self.predictor(projection.flatten(1)).float(), dim=1)

    @torch.no_grad()
    def targets(
        self, inputs: dict[str, Tensor], data_samples: dict[str, list], views: list[str]
    ) -> Targets:
        """Compute the targets of the images with the target network, and collect their labels."""
        images = torch.cat([inputs[view] for view in views])
        projection = self.run_frozen("teacher", images).feature
        feature = F.normalize(projection.flatten(1).float(), dim=1)
        number = np.array([sample.sample_idx for view in views for sample in data_samples[view]])
        index = torch.from_numpy(number).to(feature.device, non_blocking=True)
        label = []
        for view, rows, places in zip(
            views,
            feature.split([len(inputs[view]) for view in views]),
            index.split([len(inputs[view]) for view in views]),
            strict=True,
        ):
            label.append(self.labels(view, rows, data_samples[view]))
            if view == LABELED and self.classifier is not None:
                self.bank.write(places, rows, label[-1])
        previous, known = feature[:, :0], torch.zeros_like(index, dtype=torch.bool)
        if self.previous is not None:
            previous, known = self.previous.read(number, feature.device)
            self.previous.write(index, feature)
        if self.constraint == "third":
            third = self.run_frozen("teacher", inputs[THIRD]).feature
            previous, known = F.normalize(third.flatten(1).float(), dim=1), torch.ones_like(known)
        return Targets(feature, torch.cat(label), index, previous, known)

    def labels(self, view: str, feature: Tensor, data_samples: list) -> Tensor:
        """Return the ``(B,)`` classes of the images of a view, -1 if unknown.

        Args:
            view: ``"labeled"``, with ground-truth classes, or ``"weak"``.
            feature: ``(B, D)`` targets.
            data_samples: The samples of the view.
        """
        if view == LABELED:
            return classes_of(data_samples)
        none = torch.full((len(feature),), -1, device=feature.device)
        if self.classifier is None:
            return none
        with torch.autocast(feature.device.type, enabled=False):
            confidence, label = self.classifier(feature).softmax(1).max(1)
        confident = (confidence >= self.threshold) & self.classifier_ready
        self.track(label[:, None, None], confident[:, None, None], data_samples)
        return torch.where(confident, label, none)

    def shift(self, online: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """Return the loss per image, ``(B,)``, and the mask of constrained images, ``(B,)`` bool.

        The targets of the images are already in the memory.
        """
        memory = self.memory
        with torch.autocast(online.device.type, enabled=False):
            similarity = targets.feature @ memory.feature.T
            chosen = nearest(similarity, self.k, memory.written)
            free = mean_shift(online, memory.feature, chosen)
            if self.constraint is None:
                return free, torch.zeros_like(targets.known)
            allowed, bound = self.allowed(targets)
            chosen = nearest(similarity, None if self.top_all else self.k, allowed)
            constrained = mean_shift(online, memory.feature, chosen)
        return torch.where(bound, constrained.lerp(free, self.free_share), free), bound

    def allowed(self, targets: Targets) -> tuple[Tensor, Tensor]:
        """Return the sets ``C``, ``(B, N)`` bool, and the images that have one, ``(B,)`` bool."""
        memory = self.memory
        if self.constraint == "label":
            bound = targets.label >= 0
            return (targets.label[:, None] == memory.label) & memory.written, bound
        similarity = targets.previous @ memory.previous.T
        complete = (memory.known | ~memory.written).all()
        return nearest(similarity, self.search, memory.known), targets.known & complete
