# SPDX-License-Identifier: Apache-2.0
"""Features as points of a plane."""

import numpy as np

WAYS = ("pca", "tsne")
FIRST = 50  # principal components that t-SNE starts from, as van der Maaten (2008) advises
PERPLEXITY = 30.0


def to_plane(feature: np.ndarray, how: str = "pca", seed: int = 0) -> np.ndarray:
    """Map features to points that are near each other where the features are.

    Args:
        feature: ``(N, D)`` of any float type, one row per sample; class centres may be among them.
        how: ``"pca"``, the two directions in which they differ most, or ``"tsne"``, which keeps
            neighbours together; some seconds per thousand samples.
        seed: Of what t-SNE draws at random.

    Returns:
        ``(N, 2)`` float64. Where features differ in fewer than two directions the rest is 0.

    Raises:
        ValueError: If there is no such way, no sample, or a feature that is not finite.

    Source: Snowball (figure 2.2 by t-SNE, 2.4 by PCA), LMCS (figures 3.6 and 3.7 by t-SNE).
    """
    from sklearn.decomposition import PCA  # a second to import, and only pictures need it
    from sklearn.manifold import TSNE

    if how not in WAYS:
        raise ValueError(f"how={how!r} of to_plane: expected one of {', '.join(WAYS)}")
    feature = np.asarray(feature, dtype=np.float64)
    if feature.ndim != 2 or not feature.size or not np.isfinite(feature).all():
        raise ValueError(
            f"feature of to_plane has the shape {feature.shape}: expected (N, D) finite numbers of "
            "at least one sample"
        )
    points = np.zeros((len(feature), 2))
    if not np.ptp(feature, axis=0).any():
        return points  # also of one sample: there is nothing to tell apart
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
