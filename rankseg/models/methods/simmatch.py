# SPDX-License-Identifier: Apache-2.0
"""SimMatch: class predictions and similarities to labeled images that correct each other."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dist import get_dist_info
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.models.layers.taps import embedding_size
from rankseg.models.losses import (
    info_nce,
    similarity_targets,
    sinkhorn_codes,
    soft_cross_entropy,
    swapped_prediction,
)
from rankseg.models.losses.similarity import RULES
from rankseg.models.memory.bank import (
    DistributionQueue,
    FeatureBank,
    check_bank_size,
    gather_rows,
)
from rankseg.models.methods.base import Method, Output, classes_of
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, strong

INSTANCE_LOSSES = ("similarity", "info_nce", "swav")


class Vectors(NamedTuple):
    """Output with one pixel: class logits ``(B, K)`` and normalized embeddings ``(B, D)``."""

    logits: Tensor
    embedding: Tensor

    @classmethod
    def of(cls, output: Output) -> "Vectors":
        """Build from an output, in float32."""
        return cls(output.logits.flatten(1).float(), output.feature.flatten(1).float())


@MODELS.register_module()
class SimMatch(Method):
    r"""FixMatch with soft, aligned pseudo-labels and matching of similarities.

    .. math:: L = L_x + r \, (\lambda_u L_u + \lambda_{in} L_{in})

    ``labels_from="teacher"`` is the student-teacher version for many labels: the teacher sees
    labeled and weak images, the student labeled and strong ones. ``labels_from="student"`` is the
    version for few labels: one network sees all three, and the bank is a temporal ensemble.
    Similarities are used once every labeled image has entered the bank.

    Args:
        bank_size: Number of labeled images.
        embedding_tap: Submodule of the student that outputs normalized image embeddings.
        bank_momentum: Share of the old feature in the bank; 0 overwrites it.
        temperature: Temperature ``t`` of the similarities.
        smoothing: ``alpha``, the share of the class prediction in its pseudo-label.
        semantic_rule: Rule by which the similarities correct the class prediction: "smoothing",
            "scaling" or None.
        instance_rule: Rule by which the class prediction corrects the similarities, with the same
            options.
        threshold: Minimum confidence ``tau`` of a pseudo-label.
        queue_length: Number of batches whose mean prediction is used for distribution alignment.
        semantic_weight: ``lambda_u``.
        instance_weight: ``lambda_in``.
        instance_loss: ``L_in``. "similarity" matches similarities to the bank. The paper's ablation
            replaces it by "info_nce", in which the strong view finds the weak view of its image
            among those of the batch, or by "swav", in which it predicts the code of the weak view.
        prototypes: Number of prototypes of "swav".
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`.

    Raises:
        ValueError: If a share or the temperature is out of range, or there is no such submodule.

    Source: SimMatch (CVPR 2022), algorithm 1 and section 3.4.
    """

    views = (LABELED, WEAK, strong(1))

    def __init__(
        self,
        student: dict,
        bank_size: int,
        embedding_tap: str = "decode_head.branches.projection",
        bank_momentum: float = 0.0,
        temperature: float = 0.1,
        smoothing: float = 0.9,
        semantic_rule: str | None = "smoothing",
        instance_rule: str | None = "scaling",
        threshold: float = 0.95,
        queue_length: int = 32,
        semantic_weight: float = 1.0,
        instance_weight: float = 1.0,
        instance_loss: str = "similarity",
        prototypes: int = 3000,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        for name, share in (("smoothing", smoothing), ("threshold", threshold)):
            expect(0 <= share <= 1, f"model.{name}", "from 0 to 1", share)
        for name, rule in (("semantic", semantic_rule), ("instance", instance_rule)):
            expect(rule in RULES, f"model.{name}_rule", f"one of {RULES}", rule)
        expect(temperature > 0, "model.temperature", "above 0", temperature)
        channels = embedding_size(self.student, embedding_tap)
        self.feature_tap = embedding_tap
        self.temperature = temperature
        self.smoothing = smoothing
        self.rules = semantic_rule, instance_rule
        self.threshold = threshold
        self.semantic_weight = semantic_weight
        self.instance_weight = instance_weight
        known = f"one of {INSTANCE_LOSSES}"
        expect(instance_loss in INSTANCE_LOSSES, "model.instance_loss", known, instance_loss)
        self.instance_loss = instance_loss
        self.prototypes = None
        if instance_loss == "swav":
            expect(prototypes >= 2, "model.prototypes", "2 or more", prototypes)
            self.prototypes = nn.Linear(channels, prototypes, bias=False)
        self.bank = FeatureBank(bank_size, channels, bank_momentum)
        self.queue = DistributionQueue(queue_length, self.student.decode_head.num_classes)

    def check_dataset(self, dataset: Any) -> None:
        """See the base class; also checks the size of the bank."""
        super().check_dataset(dataset)
        check_bank_size("bank_size", len(self.bank.label), dataset.num_labeled, "labeled")

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; missing prototypes keep their current values."""
        super().complete_state(state_dict, prefix)
        if self.prototypes is not None:
            state_dict.setdefault(f"{prefix}prototypes.weight", self.prototypes.weight.detach())

    @classmethod
    def shrink_memory(cls, config: dict) -> None:
        """See the base class."""
        if "prototypes" in config or config.get("instance_loss") == "swav":
            config["prototypes"] = min(8, config.get("prototypes", 8))

    @classmethod
    def fit_memory(cls, config: dict, num_labeled: int, num_unlabeled: int) -> None:
        """See the base class."""
        config["bank_size"] = num_labeled

    # --- the step

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss of one step; see the class. The bank is read first, then written."""
        run = self.run_pair if self.labels_from == "teacher" else self.run_alone
        output, keys, weak, student = run(inputs)
        label = classes_of(data_samples[LABELED])
        ramp = self.unsupervised_weight()
        losses = {"loss_x": self.supervised_loss(output, data_samples[LABELED])}
        trusted = self.bank.full
        semantic, instance = self.targets(weak, trusted)
        confidence, guess = semantic.max(1)
        confident = confidence >= self.threshold
        losses["loss_u"] = (
            ramp * self.semantic_weight * soft_cross_entropy(student.logits, semantic, confident)
        )
        if self.instance_loss == "similarity":
            losses["loss_in"] = (ramp * self.instance_weight * trusted) * soft_cross_entropy(
                self.similarity(student.embedding), instance
            )
        else:
            term = self.unlabeled_term(student.embedding, weak.embedding.detach())
            losses["loss_in"] = ramp * self.instance_weight * term
        index = torch.tensor([s.sample_idx for s in data_samples[LABELED]])
        index = index.to(label.device, non_blocking=True)
        self.bank.write(index, keys.embedding.detach(), label)
        self.track(guess[:, None, None], confident[:, None, None], data_samples[WEAK])
        losses["confident"] = confident.float().mean()
        return losses

    def unlabeled_term(self, embedding: Tensor, weak: Tensor) -> Tensor:
        """Compute the instance term of the ablation, which does not use the bank.

        Args:
            embedding: ``(B, D)`` embeddings of the strong views.
            weak: ``(B, D)`` embeddings of the weak views of the same images.

        Source: SimMatch (CVPR 2022), Table 7.
        """
        rank, world = get_dist_info()
        own = torch.arange(len(weak)) * world + rank  # the order of gather_rows
        own = own.to(weak.device, non_blocking=True)
        if self.instance_loss == "info_nce":
            return info_nce(embedding, gather_rows(weak), own, self.temperature)
        with torch.autocast(embedding.device.type, enabled=False):
            prototypes = F.normalize(self.prototypes.weight, dim=1)
            codes = sinkhorn_codes(gather_rows(weak) @ prototypes.detach().T)[own]
            return swapped_prediction(embedding @ prototypes.T, codes, self.temperature)

    def run_pair(self, inputs: dict[str, Tensor]) -> tuple[Output, Vectors, Vectors, Vectors]:
        """Run the student on labeled and strong images, the teacher on labeled and weak ones.

        Returns:
            The student's output for the labeled images; then, as vectors, the entries for the bank,
            the source of the pseudo-labels, and the outputs that are trained with them.
        """
        labeled, weak, strong1 = (inputs[view] for view in self.views)
        sizes = [len(labeled), len(weak)]
        images = torch.cat((labeled, strong1))
        output, student = self.run(self.student, images, labeled=len(labeled)).split(sizes)
        keys, source = self.run_frozen("teacher", torch.cat((labeled, weak))).split(sizes)
        return output, Vectors.of(keys), Vectors.of(source), Vectors.of(student)

    def run_alone(self, inputs: dict[str, Tensor]) -> tuple[Output, Vectors, Vectors, Vectors]:
        """Run one network on all images; returns the same as :meth:`run_pair`."""
        views = [inputs[view] for view in self.views]
        output, source, student = self.run(
            self.student, torch.cat(views), labeled=len(views[0])
        ).split([len(view) for view in views])
        return output, Vectors.of(output), Vectors.of(source), Vectors.of(student)

    def similarity(self, embedding: Tensor) -> Tensor:
        """Return ``(B, N)`` similarity logits to every image in the bank."""
        with torch.autocast(embedding.device.type, enabled=False):
            return embedding @ self.bank.feature.T / self.temperature

    @torch.no_grad()
    def targets(self, weak: Vectors, trusted: Tensor) -> tuple[Tensor, Tensor]:
        """Compute pseudo-labels ``(B, K)`` and ``(B, N)`` of the unlabeled images.

        Args:
            weak: Outputs for the weak view.
            trusted: ``()`` bool, whether the bank may correct the class predictions.
        """
        aligned = self.queue.align(weak.logits.softmax(1))
        instance = self.similarity(weak.embedding).softmax(1)
        semantic, instance = similarity_targets(
            aligned, instance, self.bank.label, self.smoothing, *self.rules
        )
        return torch.where(trusted, semantic, aligned), instance
