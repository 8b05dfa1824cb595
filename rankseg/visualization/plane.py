# SPDX-License-Identifier: Apache-2.0
"""Projection of features to a plane."""

import numpy as np

WAYS = ("pca", "tsne")
FIRST = 50  # principal components for t-SNE, as van der Maaten (2008) recommends
PERPLEXITY = 30.0


def to_plane(feature: np.ndarray, how: str = "pca", seed: int = 0) -> np.ndarray:
    """Project features to points of a plane that preserve closeness.

    Args:
        feature: ``(N, D)`` of any float type, one row per sample; may include class centers.
        how: ``"pca"`` for the two directions of largest variance, or ``"tsne"``, which keeps
            neighbors together and takes some seconds per thousand samples.
        seed: Seed of t-SNE.

    Returns:
        ``(N, 2)`` float64. If features vary in fewer than two directions, the rest is 0.

    Raises:
        ValueError: If ``how`` is unknown, there is no sample, or a feature is not finite.

    Source: Snowball (figure 2.2 by t-SNE, 2.4 by PCA), LMCS (figures 3.6 and 3.7 by t-SNE).
    """
    from sklearn.decomposition import PCA  # takes a second to import, and only figures need it
    from sklearn.manifold import TSNE

    if how not in WAYS:
        raise ValueError(
            f"Expected how of to_plane to be one of {', '.join(WAYS)}, but got {how!r}."
        )
    feature = np.asarray(feature, dtype=np.float64)
    if feature.ndim != 2 or not feature.size or not np.isfinite(feature).all():
        raise ValueError(
            "Expected feature of to_plane to be finite numbers of shape (N, D), with N >= 1, but "
            f"got the shape {feature.shape} and {(~np.isfinite(feature)).sum()} other numbers."
        )
    points = np.zeros((len(feature), 2))
    if not np.ptp(feature, axis=0).any():
        return points  # all samples are equal, or there is only one
    parts = min(2 if how == "pca" else FIRST, *feature.shape)
    reduced = PCA(parts, random_state=seed).fit_transform(feature)
    if how == "tsne" and len(feature) > 3:
        perplexity = min(PERPLEXITY, (len(feature) - 1) / 3)
        return (
            TSNE(perplexity=perplexity, init="pca", random_state=seed)
            .fit_transform(reduced if parts > 1 else np.pad(reduced, ((0, 0), (0, 1))))
            .astype(np.float64)
        )
    points[:, : min(2, parts)] = reduced[:, :2]
    return points
