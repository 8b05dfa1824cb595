# SPDX-License-Identifier: Apache-2.0
"""TAC-CCL: metric learning from clusters, with attention that is consistent under transforms."""

from typing import Any

import torch
from torch import Tensor

from rankseg.datasets.transforms import PairViews
from rankseg.errors import expect
from rankseg.models.layers import find_module
from rankseg.models.losses import (
    attention_consistency,
    contrastive_clustering,
    keypoint_mask,
    pair_distance,
)
from rankseg.models.methods.base import Output
from rankseg.models.methods.metric_learning import MetricLearning
from rankseg.registry import MODELS
from rankseg.structures import LABELED, TWIN

POSITIVES = ("nearest", "own")
READINGS = ("mapped", "printed")


@MODELS.register_module()
class TACCCL(MetricLearning):
    r"""Metric learning with cluster labels, contrastive clustering and pairs of views.

    .. math::
        L = L_{MS} + r(t) (\lambda_{CC} L_{CC} + \lambda_{TAC} L_{TAC} + \lambda_F L_F)

    A batch has pairs of views related by a known transform, made by
    :class:`~rankseg.datasets.transforms.PairViews`. :math:`L_{MS}` is the loss of the base class on
    both views. Clusters can be wrong, but the two views of a pair always show the same content.
    :math:`L_{CC}` pulls every feature toward one of the centers computed by
    :class:`~rankseg.engine.hooks.ClusterHook` and away from the next. :math:`L_{TAC}` compares the
    attention of the views at corresponding points, :math:`L_F` their features. For pairs of
    different, matching images, attention counts around the matched keypoints (eq. 4.6).

    Args:
        student: Config of a segmentor with an :class:`~rankseg.models.heads.EmbeddingHead` and a
            module that outputs an attention map, such as ``neck=dict(type="CBAM")``.
        clustering_weight: Weight of :math:`L_{CC}`. The weights are not published.
        consistency_weight: Weight of :math:`L_{TAC}`.
        feature_weight: Weight of :math:`L_F`.
        positive: Center that :math:`L_{CC}` pulls toward: ``"nearest"``, the one currently nearest
            to the feature, as eq. 4.3 is printed, or ``"own"``, that of the image's assigned
            cluster.
        pairs: Whether views come in pairs. False requires the last two weights to be 0.
        attention_tap: Submodule of the student whose output is the attention map.
        keypoint_sigma: Width of the neighborhood of a keypoint, in units of half the side of a
            view; not published.
        reading: Interpretation of the equations for matched images. ``"mapped"`` compares their
            maps at corresponding points too and uses masks of at most 1, so that they count as much
            as views of one image. ``"printed"`` compares at the same position, as eq. 4.6 is
            printed, with the masks of eq. 4.5, which grow with the number of keypoints (with 32 of
            them, the term is about 20 times larger).
        **kwargs: Arguments of :class:`~rankseg.models.methods.metric_learning.MetricLearning`.
            ``warmup`` and ``ramp`` are ``r(t)``: the first clusters of a network with random
            weights hardly match classes, and all three terms are smallest if all features are
            equal.

    Raises:
        ValueError: If a weight is negative or needs pairs that are not configured, the width is not
            positive, or there is no such center, reading or submodule.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), eq. 4.2 to 4.6.
    """

    def __init__(
        self,
        student: dict,
        clustering_weight: float = 1.0,
        consistency_weight: float = 1.0,
        feature_weight: float = 1.0,
        positive: str = "nearest",
        pairs: bool = True,
        attention_tap: str = "neck.spatial",
        keypoint_sigma: float = 0.3,
        reading: str = "mapped",
        **kwargs,
    ) -> None:
        super().__init__(student, **kwargs)
        self.clustering_weight = clustering_weight
        self.consistency_weight = consistency_weight
        self.feature_weight = feature_weight
        for name in ("clustering_weight", "consistency_weight", "feature_weight"):
            expect(getattr(self, name) >= 0, f"model.{name}", "0 or more", getattr(self, name))
        if not pairs and (consistency_weight or feature_weight):
            raise ValueError(
                "Expected model.pairs to be True, because model.consistency_weight="
                f"{consistency_weight} and model.feature_weight={feature_weight} compare pairs of "
                "views, but got False. Set pairs=True, or both weights to 0."
            )
        expect(keypoint_sigma > 0, "model.keypoint_sigma", "above 0", keypoint_sigma)
        expect(reading in READINGS, "model.reading", f"one of {READINGS}", reading)
        expect(positive in POSITIVES, "model.positive", f"one of {POSITIVES}", positive)
        self.positive = positive
        self.keypoint_sigma = keypoint_sigma
        self.reading = reading
        if consistency_weight:
            find_module(self.student, attention_tap, "attention_tap")
            self.feature_tap = attention_tap
        self.views = (LABELED, TWIN) if pairs else (LABELED,)

    def check_dataset(self, dataset: Any) -> None:
        """See the base class; reads the file of matches before the workers start.

        Raises:
            ValueError: If pairs are needed but the pipeline makes none.
            FileNotFoundError, ValueError: If the file of matches does not exist, or is for other
                images.
        """
        super().check_dataset(dataset)
        steps = dataset.labeled.pipeline.transforms
        steps = [step for step in steps if isinstance(step, PairViews)]
        if len(self.views) > 1 and not steps:
            raise ValueError(
                "Expected train_dataloader.dataset.labeled_pipeline to make the two views of an "
                "image that TACCCL compares, but it has no PairViews. Use PairViews instead of "
                "DrawViews, or set model.pairs=False and the weights of the terms that compare "
                "views to 0."
            )
        for step in steps:
            step.load_matches(
                part.get_data_info(index)["img_path"]
                for part in (dataset.labeled, dataset.unlabeled)
                for index in range(len(part))
            )

    def extra_terms(
        self, outputs: list[Output], label: Tensor, data_samples: dict[str, list]
    ) -> dict[str, Tensor]:
        """Compute the other terms; see the class. Terms with weight 0 are skipped."""
        terms, ramp = {}, self.unsupervised_weight()
        features = [output.logits.flatten(1) for output in outputs]
        if self.clustering_weight and len(self.clusters) > 1:
            own = label.repeat(len(features)) if self.positive == "own" else None
            term = contrastive_clustering(torch.cat(features), self.clusters.centre, own)
            terms["loss_clustering"] = ramp * self.clustering_weight * term
        if self.feature_weight:
            terms["loss_feature"] = ramp * self.feature_weight * pair_distance(*features)
        if self.consistency_weight:
            term = self.attention_term(*(one.feature for one in outputs), data_samples[LABELED])
            terms["loss_attention"] = ramp * self.consistency_weight * term
        return terms

    def attention_term(self, first: Tensor, second: Tensor, data_samples: list) -> Tensor:
        """Compute eq. 4.2 for views of one image, eq. 4.6 for views of two images.

        Attention of the views is ``(B, 1, h, w)``. The samples hold the maps between the views and,
        for matched images, keypoints.
        """
        homography = torch.cat([sample.homography.data for sample in data_samples])
        if "keypoints" not in data_samples[0]:
            return attention_consistency(first, second, homography)
        points = torch.cat([sample.keypoints.data for sample in data_samples])
        masks = [
            keypoint_mask(some, maps.shape[2:], self.keypoint_sigma)
            for some, maps in ((points[..., :2], first), (points[..., 2:], second))
        ]
        if self.reading == "printed":
            matched = points.isfinite().all(-1).any(-1)[:, None, None]
            homography = torch.where(matched, torch.eye(3, device=points.device), homography)
        else:
            masks = [mask.clamp(max=1) for mask in masks]
        return attention_consistency(first, second, homography, *masks)
