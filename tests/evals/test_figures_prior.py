"""What is drawn of a family that samples from a prior of its own and encodes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.errors import UserError
from gen_jax.evals import figures
from gen_jax.evals.figures import sample_arithmetic, walks
from gen_jax.evals.model import to_uint8
from gen_jax.features import classifier
from gen_jax.nets.classifier import Classifier
from tests.evals import toy

NOISE, CATEGORICAL, CONTINUOUS = 3, 4, 2
SLOPE = 1000.0
"""Of the classifier's logits by the sum of the pixels."""
CODES = {"codes.categorical": CATEGORICAL, "codes.continuous": CONTINUOUS}


def generator(noise=NOISE, categorical=0, continuous=0, loadings=None):
    """A linear generator; its prior is that of InfoGAN."""
    size = noise + categorical + continuous
    if loadings is None:
        loadings = np.random.default_rng(1).normal(0, 0.1, (4, size))
    w = jnp.asarray(loadings, jnp.float32)

    def draw(key):
        parts = jax.random.normal(key, (noise,)), jax.random.uniform(key, (continuous,))
        code = jax.nn.one_hot(jax.random.randint(key, (), 0, max(categorical, 1)), categorical)
        return jnp.concatenate([parts[0], code, parts[1]])

    def prior(keys, labels):
        return jax.vmap(draw)(keys)

    def decode(state, z, labels):
        return (z @ w.T).reshape(-1, *toy.SHAPE) + labels[:, None, None, None] / 10

    def sample(state, keys, labels):
        return decode(state, prior(keys, labels), labels)

    never = lambda *args: None  # noqa: E731
    return Family(never, never, sample=sample, decode=decode, prior=prior)


def model(family, **overrides):
    defaults = {"family": "gan", "z_dim": NOISE, "eval.batch_size": 1000}
    return toy.model(family, toy.split(toy.noise_images(40)), **defaults | overrides)


def pictures(made, z, label=0):
    z = np.asarray(z, np.float32)
    flat = made.decode(z.reshape(-1, z.shape[-1]), np.full(z[..., 0].size, label, np.int32))
    return to_uint8(flat.reshape(*z.shape[:-1], *toy.SHAPE))


def draws(made, count, label=0):
    labels = np.full(count, label, np.int32)
    return np.asarray(made.family.prior(made.keys("sample", np.arange(count)), labels))


def test_a_family_without_an_encoder_is_explored_from_its_prior():
    found = figures.arrays(model(generator()))
    assert set(found) == {"class_names", "samples", "walk", "walk_spherical"}
    assert found["walk"].shape == (6, 10, *toy.SHAPE)
    cannot = generator()._replace(prior=None)
    assert set(figures.arrays(model(cannot))) == {"class_names", "samples"}


def test_walks_end_in_the_draws_and_are_straight():
    made = model(generator())
    found = figures.arrays(made)
    ends = pictures(made, draws(made, 12)).reshape(6, 2, *toy.SHAPE)
    for name in ("walk", "walk_spherical"):
        np.testing.assert_array_equal(found[name][:, [0, -1]], ends)
    straight = found["walk"].astype(int)
    middle = (straight[:, 0] + straight[:, -1]) / 2
    # Of a linear generator; two roundings to integers apart.
    np.testing.assert_allclose((straight[:, 4] + straight[:, 5]) / 2, middle, atol=1)
    samples = found["samples"].reshape(-1, *toy.SHAPE)
    np.testing.assert_array_equal(samples[:12], ends.reshape(-1, *toy.SHAPE))


def test_great_circles_keep_the_norm_of_the_noise_and_the_codes_are_held():
    made = model(generator(NOISE, CATEGORICAL, CONTINUOUS), **CODES)
    requests, about = walks.walks(made)
    assert about == {}
    z, ends = requests["walk_spherical"].z, draws(made, 12).reshape(6, 2, -1)
    norms = np.linalg.norm(ends[..., :NOISE], axis=-1)
    along = np.linalg.norm(z[..., :NOISE], axis=-1)
    assert np.all(along <= norms.max(axis=1)[:, None] * 1.2)
    assert np.all(along >= norms.min(axis=1)[:, None] * 0.6)
    for request in requests.values():
        np.testing.assert_allclose(request.z[:, 0], ends[:, 0], atol=1e-6)
        np.testing.assert_allclose(request.z[:, -1, :NOISE], ends[:, 1, :NOISE], atol=1e-6)
        assert np.all(request.z[..., NOISE:] == ends[:, :1, NOISE:])


def test_a_conditional_walk_stays_in_its_class():
    made = model(generator(), conditional=True)
    found = figures.arrays(made)
    assert found["walk_labels"].tolist() == [0, 1, 2, 3, 4, 0]
    for row, label in enumerate(found["walk_labels"]):
        ends = pictures(made, draws(made, 12)[2 * row : 2 * row + 2], label)
        np.testing.assert_array_equal(found["walk"][row, [0, -1]], ends)


def test_codes_are_set_one_by_one_and_the_rest_is_held():
    made = model(generator(NOISE, CATEGORICAL, CONTINUOUS), **CODES)
    requests, start = walks.codes(made), draws(made, 8)
    z = requests["codes_categorical"].z
    assert z.shape == (8, CATEGORICAL, NOISE + CATEGORICAL + CONTINUOUS)
    code = slice(NOISE, NOISE + CATEGORICAL)
    for row in range(8):
        np.testing.assert_array_equal(z[row, :, code], np.eye(CATEGORICAL))
    held = np.delete(z, np.arange(NOISE, NOISE + CATEGORICAL), axis=-1)
    rest = np.delete(start, np.arange(NOISE, NOISE + CATEGORICAL), axis=-1)
    np.testing.assert_allclose(held, np.broadcast_to(rest[:, None], held.shape), atol=1e-6)
    z = requests["codes_continuous"].z
    assert z.shape == (CONTINUOUS, 10, NOISE + CATEGORICAL + CONTINUOUS)
    for row in range(CONTINUOUS):
        moved = NOISE + CATEGORICAL + row
        np.testing.assert_allclose(z[row, :, moved], np.linspace(-2, 2, 10), rtol=1e-6)
        held = np.delete(z[row], moved, axis=-1)
        rest = np.delete(start[0], moved)
        np.testing.assert_allclose(held, np.broadcast_to(rest, held.shape), atol=1e-6)
    found = figures.arrays(made)
    np.testing.assert_array_equal(
        found["codes_continuous"], pictures(made, requests["codes_continuous"].z)
    )
    assert found["codes_values"].tolist() == walks.CODE_VALUES.tolist()


@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_either_code_may_be_alone(kind):
    made = model(generator(**{kind: 2}), **{f"codes.{kind}": 2})
    assert set(walks.codes(made)) == {f"codes_{kind}"}


def test_points_in_the_plane_have_no_pictures():
    spec = DataSpec("ring", (1, 1, 2), 2, ("0", "1"), 4, modes=((0.0, 1.0), (1.0, 0.0)))
    points = np.zeros((4, 1, 1, 2), np.float32)
    split = ArraySplit(spec, points, np.zeros(4, np.int32))
    assert set(figures.arrays(toy.model(generator(), split))) == {"class_names"}


def judge(folder, names=("dark", "light")):
    """A classifier's file: sure that a picture is light if the sum of its pixels is above 0."""
    spec = DataSpec("toy", toy.SHAPE, len(names), names, 40)
    net = Classifier((1,), len(names))
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.zeros((1, 2, 2, 1)), False))
    leaves = {path: np.zeros(leaf.shape) for path, leaf in flatten_dict(shapes, sep="/").items()}
    for layer in ("Norm_0/BatchNorm_0", "Norm_1/BatchNorm_0"):  # the identity, epsilon and all
        leaves[f"params/{layer}/scale"][:] = 1
        leaves[f"batch_stats/{layer}/var"][:] = 1 - 1e-5
    leaves["params/Conv_0/kernel"][1, 1] = 1
    # Above 0 whatever the picture, where the leaky ReLU is the identity.
    leaves["params/Conv_0/bias"][:] = 10
    leaves["params/Conv_1/kernel"][1:3, 1:3] = 1
    slopes = np.linspace(-SLOPE, SLOPE, len(names))
    leaves["params/Dense_0/kernel"][0] = slopes
    leaves["params/Dense_0/bias"][:] = -40 * slopes
    variables = unflatten_dict({p: leaf.astype(np.float32) for p, leaf in leaves.items()}, sep="/")
    path = folder / "classifier.npz"
    np.savez(path, allow_pickle=False, **classifier.pack(net, variables, spec))
    return path


def two_classes(path, **overrides):
    spec = DataSpec("toy", toy.SHAPE, 2, ("dark", "light"), 40)
    split = ArraySplit(spec, toy.noise_images(40), np.arange(40, dtype=np.int32) % 2)
    # The sum of the pixels is z[0] + z[1] / 2.
    loadings = np.array([[0.25, 0.5, 0], [0.25, 0, 0], [0.25, 0, 0.5], [0.25, 0, -0.5]])
    defaults = {"eval.classifier": str(path), "eval.batch_size": 1000, "z_dim": NOISE}
    return toy.model(generator(loadings=loadings), split, **defaults | overrides)


def test_arithmetic_between_samples_is_measured_by_the_classifier(tmp_path):
    made = two_classes(judge(tmp_path))
    found = figures.arrays(made)
    assert found["sample_arithmetic_labels"].tolist() == [[0, 1], [1, 0]]
    z = draws(made, 2 * sample_arithmetic.EXAMPLES).astype(np.float64)
    total = z[:, 0] + z[:, 1] / 2
    sure = np.abs(total) >= np.log(9) / (2 * SLOPE)
    half = sample_arithmetic.EXAMPLES
    learnt, fresh = sure.copy(), sure.copy()
    learnt[half:] = fresh[:half] = False
    means = [z[learnt & (total > 0 if c else total < 0)].mean(axis=0) for c in (0, 1)]
    for row, b in enumerate((0, 1)):
        towards = means[1 - b] - means[b]
        starts = z[fresh & ((total > 0) == b)][: sample_arithmetic.MEASURED]
        path = starts[0] + np.linspace(0, 1, 5)[:, None] * towards
        gap = found["sample_arithmetic"][row].astype(int) - pictures(made, path)
        assert np.abs(gap).max() <= 1
        moved = starts + towards
        after = moved[:, 0] + moved[:, 1] / 2
        expected = np.mean((after > 0) != b)
        assert 0.5 < expected < 1
        np.testing.assert_allclose(found["sample_arithmetic_success"][row], expected, atol=0.011)
    assert found["sample_arithmetic_counts"].tolist() == [200, 200]


def test_arithmetic_needs_two_classes_a_classifier_and_no_condition(tmp_path):
    path = judge(tmp_path)
    for overrides in ({"eval.classifier": ""}, {"conditional": True}):
        assert sample_arithmetic.arrays(two_classes(path, **overrides)) == {}
    made = two_classes(path)
    dark = generator(loadings=np.zeros((4, NOISE)))
    decode = lambda state, z, labels: dark.decode(state, z, labels) - 0.5  # noqa: E731
    assert sample_arithmetic.arrays(made._replace(family=dark._replace(decode=decode))) == {}


def test_a_classifier_of_something_else_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"eval\.classifier"):
        sample_arithmetic.arrays(two_classes(judge(tmp_path, ("a", "b", "c"))))
