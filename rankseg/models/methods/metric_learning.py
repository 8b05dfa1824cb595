# SPDX-License-Identifier: Apache-2.0
"""Metric learning: embeddings of a class close together, with a memory of past batches."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub, print_log
from pytorch_metric_learning.utils import loss_and_miner_utils as pairs_of
from torch import Tensor

from rankseg.errors import expect
from rankseg.models.heads import EmbeddingHead
from rankseg.models.losses.metric import build_metric, takes_references
from rankseg.models.memory.embeddings import Clusters, EmbeddingMemory
from rankseg.models.methods.base import Method, Output, classes_of
from rankseg.registry import MODELS
from rankseg.structures import LABELED

MEMORY = {"size", "start", "network", "loss", "weight"}


@MODELS.register_module()
class MetricLearning(Method):
    r"""Metric learning with a loss on image pairs that are mined by similarity.

    With true labels this is supervised metric learning. With
    :class:`~rankseg.engine.hooks.ClusterHook`, which clusters the embeddings of all training images
    every few epochs, the clusters are the labels and no class labels are read.

    With a ``memory``, every image of a batch is compared with those of many past batches:

    - Without its own loss, as in chapter 4, ``metric_loss`` compares the batch with the batch and
      the memory together, so pairs are mined in the training set. (Batches are drawn at random: a
      memory as large as the set holds some images twice, and about two thirds of all images.)
    - With its own loss, as in chapter 5, ``metric_loss`` compares within the batch, and the loss of
      the memory compares the batch with the memory. The weighted sum is minimized.

    The memory holds no gradient. Each step reads it first and then writes to it. It is cleared when
    the labels change.

    The CPU waits for the GPU where pairs are listed: in pytorch-metric-learning, and once in
    :meth:`mine`.

    Args:
        student: Config of a segmentor with an :class:`~rankseg.models.heads.EmbeddingHead`.
        metric_loss: Config of a loss of pytorch-metric-learning (those in
            :mod:`rankseg.models.losses.metric`). If it has parameters, such as proxies, they are
            named ``metric_loss.*`` in ``paramwise_cfg``.
        miner: Config of a miner that selects pairs for ``metric_loss``; None uses all pairs.
        memory: None, or ``dict(size=N)`` with the number of entries and optionally ``start``, the
            first iteration with a memory (default 0); ``network``, the network whose embeddings it
            holds, ``"student"`` or ``"teacher"`` (a momentum memory); ``loss``, the config of the
            memory's own loss (default None); ``weight``, the weight of that loss (default 1).
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`.

    Raises:
        ValueError: If the head has another type, or the memory's options are incompatible.

    Source: Chapter 4 of the dissertation, section 4.3.2 (baseline: Multi-Similarity, CVPR 2019,
        with k-means clusters and a memory of the training set); chapter 5, section 5.4.2.
    """

    needs_image_labels = True
    OF_ONE_RUN = ("memory", "clusters")  # their labels are valid for one run only
    other_map = "seg_logits"

    def __init__(
        self,
        student: dict,
        metric_loss: dict,
        miner: dict | None = None,
        memory: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        head = self.student.decode_head
        if not isinstance(head, EmbeddingHead):
            raise ValueError(
                "Expected model.student.decode_head to be an EmbeddingHead, whose embeddings "
                f"{type(self).__name__} compares, but got {type(head).__name__}. Set "
                "decode_head=dict(type='EmbeddingHead')."
            )
        self.metric_loss = build_metric(metric_loss)
        self.miner = None if miner is None else build_metric(miner)
        self.clusters = Clusters()
        self.memory = self.memory_loss = None
        if memory is not None:
            self._build_memory(**memory)

    def _build_memory(self, **options) -> None:
        wanted = f"dict(size=N), optionally with {', '.join(sorted(MEMORY - {'size'}))}"
        expect({"size"} <= set(options) <= MEMORY, "model.memory", wanted, options)
        self.memory_network = options.get("network", "student")
        self.network(self.memory_network)  # raises if there is no teacher
        self.memory_start = options.get("start", 0)
        self.memory_weight = options.get("weight", 1.0)
        self.memory = EmbeddingMemory(options["size"], self.student.decode_head.out_channels)
        # Keep it on the CPU: GPU processes cannot send it to each other, and all hold the same
        # copy.
        self._ddp_params_and_buffers_to_ignore = ["memory.count"]
        loss = options.get("loss")
        self.memory_loss = None if loss is None else build_metric(loss)
        if not takes_references(loss := self.memory_loss or self.metric_loss):
            raise ValueError(
                "Expected the loss of model.memory to compare a batch with a memory, but got "
                f"{type(loss).__name__}. Remove the memory, or set "
                "model.memory.loss=dict(type='ContrastiveLoss')."
            )

    def check_dataset(self, dataset: Any) -> None:
        """See the base class; also checks that the loss has a proxy for every class."""
        super().check_dataset(dataset)
        if self.memory is not None:
            size, images = len(self.memory.label), dataset.num_labeled + dataset.num_unlabeled
            if size > images:
                print_log(
                    f"model.memory.size={size} is larger than the number of training images, "
                    f"{images}. The memory will hold images several times. Set it to {images}.",
                    logger="current",
                    level=logging.WARNING,
                )
        proxies = getattr(self.metric_loss, "num_classes", None)
        if proxies is None or not dataset.num_labeled:
            return
        classes = dataset.metainfo["classes"]
        if proxies < len(classes):
            raise ValueError(
                f"Expected model.metric_loss.num_classes to be at least {len(classes)}, the number "
                f"of classes of the data set ({', '.join(classes[:3])}, ...), but got {proxies}. "
                f"Set it to {len(classes)}."
            )

    def complete_state(self, state_dict: dict, prefix: str) -> None:
        """See the base class; proxies missing in the checkpoint keep their initial values."""
        super().complete_state(state_dict, prefix)
        for name, value in self.metric_loss.named_parameters(prefix="metric_loss"):
            state_dict.setdefault(f"{prefix}{name}", value.detach())

    def set_clusters(self, label: Tensor, center: Tensor) -> None:
        """Set new clusters of all training images, and clear embeddings with old labels.

        Args:
            label: ``(N,)`` int64 cluster of every image, in the order of the data set.
            center: ``(K, D)`` cluster centers.
        """
        self.clusters.set(label, center)
        if self.memory is not None:
            self.memory.clear()

    # --- the step

    @classmethod
    def shrink_memory(cls, config: dict) -> None:
        """See the base class; the memory starts at iteration 0."""
        if config.get("memory"):
            config["memory"].update(size=min(64, config["memory"]["size"]), start=0)

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss of one step; views share a label, and the first enters the memory."""
        views = [inputs[view] for view in self.views]
        outputs = self.run(self.student, torch.cat(views)).split([len(view) for view in views])
        embedding = torch.cat([output.logits.flatten(1).float() for output in outputs])
        label = classes_of(data_samples[LABELED])
        with torch.autocast(embedding.device.type, enabled=False):
            losses = self.metric_terms(embedding, label.repeat(len(views)))
            losses |= self.extra_terms(outputs, label, data_samples)
        if self.uses_memory:
            if self.memory_network == "teacher":
                embedding = self.run_frozen("teacher", views[0]).logits.flatten(1)
            self.memory.write(embedding[: len(label)].detach(), label)
        return losses

    @property
    def uses_memory(self) -> bool:
        """Return whether the memory is in use at this iteration."""
        step = MessageHub.get_current_instance().get_info("iter", 0)
        return self.memory is not None and step >= self.memory_start

    def metric_terms(self, embedding: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Compute the loss on pairs within the batch and with the memory.

        Args:
            embedding: ``(B, D)`` float32 embeddings of all views.
            label: ``(B,)`` int64.
        """
        known = self.memory.read() if self.uses_memory and len(self.memory) else None
        if known is None or self.memory_loss is not None:
            mined = None if self.miner is None else self.miner(embedding, label)
            losses = {"loss_metric": self.metric_loss(embedding, label, mined)}
            if known is not None:
                term = self.memory_loss(embedding, label, None, *known)
                losses["loss_memory"] = self.memory_weight * term
            return losses
        others = torch.cat((embedding, known[0])), torch.cat((label, known[1]))
        mined = self.mine(embedding, label, *others)
        return {"loss_metric": self.metric_loss(embedding, label, mined, *others)}

    def mine(
        self, embedding: Tensor, label: Tensor, others: Tensor, other_label: Tensor
    ) -> Sequence[Tensor]:
        """Mine pairs between a batch and other entries, the first of which are the batch itself.

        Args:
            embedding: ``(B, D)``.
            label: ``(B,)``.
            others: ``(B + n, D)``.
            other_label: ``(B + n,)``.

        Returns:
            Indices of pairs or triplets in the format of pytorch-metric-learning, without pairs of
            an image with itself.
        """
        if self.miner is None:
            mined = pairs_of.get_all_pairs_indices(label, other_label)
        else:
            mined = self.miner(embedding, label, others, other_label)
        anchor, same, *rest = mined
        apart = (anchor != same).nonzero().squeeze(1)  # the others start with the batch itself
        rest = [rest[0][apart]] if len(rest) == 1 else rest  # triplets; of pairs only the negatives
        return anchor[apart], same[apart], *rest  # an index, unlike a mask, does not wait again

    def extra_terms(
        self, outputs: list[Output], label: Tensor, data_samples: dict[str, list]
    ) -> dict[str, Tensor]:
        """Compute further loss terms; empty here, for subclasses.

        Args:
            outputs: Outputs of the student, one per view in ``views``. ``logits`` are embeddings
                ``(B, D, 1, 1)``, ``feature`` comes from ``feature_tap``.
            label: ``(B,)`` int64 classes or clusters.
            data_samples: Samples of each view.
        """
        return {}
