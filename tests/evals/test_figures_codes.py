import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from gen_jax.evals.figures import manifold, paths, projection, traversal
from gen_jax.evals.figures.codes import Codes

LABELS = hnp.arrays(np.int32, st.integers(1, 40), elements=st.integers(0, 3))
POSITION = np.linspace(0, 1, 7)


def codes(mean, logvar=0.0, labels=None):
    mean = np.asarray(mean, np.float32)
    labels = np.zeros(len(mean), np.int32) if labels is None else np.asarray(labels, np.int32)
    return Codes(mean, np.broadcast_to(np.float32(logvar), mean.shape), labels)


@given(LABELS)
def test_pairs_share_no_image_and_are_within_classes_first(labels):
    pairs = paths.pairs(labels)
    assert len(np.unique(pairs)) == pairs.size
    within = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    assert np.all(np.diff(within.astype(int)) <= 0)
    most = 6 if len(np.unique(labels)) == 1 else 3
    possible = sum(count // 2 for count in np.bincount(labels))
    assert within.sum() == min(most, possible)
    assert (~within).sum() <= 3


def test_pairs_are_the_first_there_are():
    labels = np.array([0, 1, 1, 0, 2, 2, 2, 3, 3, 0])
    assert paths.pairs(labels).tolist() == [[1, 2], [0, 3], [4, 5], [6, 7], [8, 9]]


@given(hnp.arrays(np.float32, (3, 2, 5), elements=st.floats(-10, 10, width=32)))
def test_both_paths_join_their_ends(ends):
    for path in (paths.linear(ends, POSITION), paths.spherical(ends, POSITION)):
        np.testing.assert_allclose(path[:, [0, -1]], ends, atol=2e-4)


def test_a_great_circle_keeps_its_radius_and_speed():
    ends = np.array([[[3.0, 0, 0], [0, 3.0, 0]]])
    arc = paths.spherical(ends, POSITION)[0]
    angles = POSITION * np.pi / 2
    expected = np.stack([3 * np.cos(angles), 3 * np.sin(angles), 0 * angles], axis=1)
    np.testing.assert_allclose(arc, expected, atol=1e-6)
    assert np.linalg.norm(paths.linear(ends, POSITION)[0, 3]) < 2.2


def test_ends_without_a_great_circle_get_the_line():
    ends = np.array([[[1.0, 2], [-2, -4]], [[0, 0], [1, 1]], [[1, 1], [3, 3]]])
    np.testing.assert_allclose(
        paths.spherical(ends, POSITION), paths.linear(ends, POSITION), atol=1e-6
    )


def test_traversal_moves_one_dimension_and_orders_them_by_kl():
    mean = np.random.default_rng(0).normal(size=(50, 12)) * 1.5 ** np.arange(12)
    request, about = traversal.request(codes(mean, labels=np.full(50, 2)))
    assert about["traversal_dims"].tolist() == list(range(11, 1, -1))
    np.testing.assert_allclose(
        about["traversal_kl"], 0.5 * np.square(mean).mean(axis=0)[:1:-1], rtol=1e-5
    )
    assert np.all(request.labels == 2)
    for row, dim in zip(request.z, about["traversal_dims"], strict=True):
        np.testing.assert_allclose(row[:, dim], np.linspace(-3, 3, 11), rtol=1e-6)
        others = np.delete(row, dim, axis=1)
        np.testing.assert_array_equal(
            others, np.delete(codes(mean).mean[:1], dim, axis=1) + 0 * others
        )


def test_mean_kl_is_the_gaussian_closed_form():
    # KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s, at m = 2, s = 1/2.
    kl = traversal.mean_kl(codes(np.full((3, 1), 2.0), logvar=2 * np.log(0.5)))
    np.testing.assert_allclose(kl, (4 + 0.25 - 1) / 2 - np.log(0.5), rtol=1e-6)


def test_manifold_cells_are_equally_probable():
    request, _ = manifold.request(codes(np.zeros((2, 2))), conditional=False)
    middles = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(norm.cdf(request.z[0, :, 0]), middles, atol=1e-6)
    np.testing.assert_allclose(norm.cdf(request.z[::-1, 0, 1]), middles, atol=1e-6)


def test_manifold_of_points_fits_their_gaussian():
    mean = np.random.default_rng(0).normal([5, -2], [2, 0.1], (400, 2))
    request, _ = manifold.request(codes(mean, logvar=-np.inf), conditional=False)
    np.testing.assert_allclose(request.z.mean(axis=(0, 1)), mean.mean(axis=0), rtol=1e-3)
    assert request.z[..., 1].std() < 0.1 < request.z[..., 0].std()


def test_pca_keeps_the_distances_of_codes_that_lie_in_a_plane():
    random = np.random.default_rng(0)
    plane = random.normal(size=(60, 2)) * [5, 1]
    basis = np.linalg.qr(random.normal(size=(7, 7)))[0][:2]
    found = projection.arrays(codes(plane @ basis + 3, labels=np.arange(60)), 50)
    assert found["latent_pca"].shape == found["latent_tsne"].shape == (50, 2)
    distances = lambda points: np.linalg.norm(points[:, None] - points[None], axis=-1)  # noqa: E731
    np.testing.assert_allclose(distances(found["latent_pca"]), distances(plane[:50]), atol=1e-4)
    np.testing.assert_allclose(found["latent_pca_explained"].sum(), 1, rtol=1e-5)
    assert found["latent_labels"].tolist() == list(range(50))


def test_tsne_parts_clusters_and_knows_no_scale():
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    mean = random.normal(size=(40, 6)) + 20 * labels[:, None]
    near = projection.arrays(codes(mean, labels=labels), 40)["latent_tsne"]
    assert np.isfinite(near).all()
    inside = np.linalg.norm(near[labels == 0] - near[labels == 0].mean(axis=0), axis=1).max()
    assert (
        np.linalg.norm(np.diff([near[labels == k].mean(axis=0) for k in (0, 1)], axis=0)) > inside
    )
    tiny = projection.arrays(codes(1e-12 * mean, labels=labels), 40)["latent_tsne"]
    assert np.isfinite(tiny).all()
    assert tiny.std() > 1


def test_codes_that_say_nothing_have_no_projection():
    assert projection.arrays(codes(np.ones((20, 4))), 20) == {}
    assert projection.arrays(codes(np.random.default_rng(0).normal(size=(20, 1))), 20) == {}
    assert projection.arrays(codes(np.random.default_rng(0).normal(size=(20, 4))), 0) == {}
