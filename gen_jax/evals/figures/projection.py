"""Codes as points in the plane: themselves if they are two numbers, else by PCA and by t-SNE."""

import numpy as np
from threadpoolctl import threadpool_limits

from gen_jax.evals.figures.codes import Codes

FEWEST = 5
PERPLEXITY = 30.0


def arrays(codes: Codes, count: int) -> dict[str, np.ndarray]:
    """Posterior means of the first `count` test images in two dimensions, float32 [n, 2].

    "latent_plane" is the means themselves where Z = 2. Otherwise "latent_pca" is the projection on
    the two directions of the largest variance, "latent_pca_explained" [2] their shares of it, and
    "latent_tsne" t-SNE (van der Maaten & Hinton 2008) started from there; its axes and distances
    between clusters mean nothing. "latent_labels" int32 [n] are the classes. Nothing comes of
    fewer than FEWEST images, one dimension, or codes that are all the same.
    """
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    mean, labels = codes.mean[:count].astype(np.float64), codes.labels[:count]
    # Both methods know no scale. Codes of a collapsed posterior differ by so little that their
    # squared distances would underflow.
    mean = (mean - mean.mean(axis=0)) if len(mean) else mean
    size = float(np.abs(mean).max(initial=0))
    if len(mean) < FEWEST or mean.shape[1] < 2 or not np.isfinite(size) or size == 0:
        return {}
    if mean.shape[1] == 2:
        return {"latent_plane": codes.mean[:count], "latent_labels": labels}
    # One thread: with more, the order in which they add up their parts is their own.
    with threadpool_limits(1):
        pca = PCA(n_components=2, svd_solver="full")
        straight = size * pca.fit_transform(mean / size)
        perplexity = min(PERPLEXITY, (len(mean) - 1) / 3)
        tsne = TSNE(n_components=2, init="pca", perplexity=perplexity, random_state=0)
        curved = tsne.fit_transform(mean / size)
    return {
        "latent_pca": straight.astype(np.float32),
        "latent_pca_explained": pca.explained_variance_ratio_.astype(np.float32),
        "latent_tsne": curved.astype(np.float32),
        "latent_labels": labels,
    }
