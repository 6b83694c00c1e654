import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gen_jax.core import parallel
from gen_jax.errors import UserError

VALUES = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)


def on(devices, function, *batched):
    """`function` over the leading axis of host arrays, split over `devices`."""
    split = [leaf.reshape(devices, -1, *leaf.shape[1:]) for leaf in batched]
    return parallel.pmap(function)(*split)


def example_keys(devices, seed):
    root = jax.random.split(jax.random.key(seed), 1)
    pmapped = parallel.pmap(lambda key: parallel.example_keys(key, draws=2, batch=16))
    data = jax.random.key_data(pmapped(jnp.broadcast_to(root, (devices,))))
    assert data.shape == (devices, 2, 16 // devices, 2)
    return np.concatenate(np.asarray(data), axis=1)


@pytest.mark.parametrize("devices", [2, 8])
def test_an_example_has_one_key_whatever_the_number_of_devices(devices):
    np.testing.assert_array_equal(example_keys(devices, 0), example_keys(1, 0))


def test_no_two_examples_or_draws_or_seeds_share_a_key():
    both = np.concatenate([example_keys(8, 0), example_keys(8, 1)]).reshape(-1, 2)
    assert len(np.unique(both, axis=0)) == 2 * 2 * 16


def test_mean_is_the_global_batch_mean_on_every_device():
    out = on(8, parallel.mean, VALUES[:, 0])
    np.testing.assert_allclose(out, np.full(8, VALUES[:, 0].mean()), rtol=1e-5)


def test_pmean_averages_every_leaf_over_devices():
    out = on(8, parallel.pmean, VALUES)
    expected = VALUES.reshape(8, 2, 3).mean(axis=0)
    np.testing.assert_allclose(out, np.broadcast_to(expected, (8, 2, 3)), rtol=1e-5, atol=1e-7)


def test_norm_covers_every_leaf_and_the_global_batch():
    out = on(8, lambda x: parallel.norm({"a": x, "b": (2 * x[:, 0],)}), VALUES)
    expected = np.sqrt(np.sum(VALUES**2) + np.sum(4 * VALUES[:, 0] ** 2))
    np.testing.assert_allclose(out, np.full(8, expected), rtol=1e-5)


def test_gather_gives_every_device_the_batch_in_order():
    out = on(8, parallel.gather, VALUES)
    np.testing.assert_array_equal(out, np.broadcast_to(VALUES, (8, 16, 3)))


def test_the_averaged_gradient_of_a_gathered_loss_is_the_gradient_of_the_batch():
    def loss(weights, values):
        hidden = jnp.tanh(values * weights[None])
        # One part is a mean of per-example values, the other looks across examples.
        return jnp.mean(jnp.square(hidden)) + jnp.var(parallel.gather(hidden), axis=0).sum()

    weights = jnp.array([0.5, -1.0, 2.0])
    step = lambda values: parallel.pmean(jax.grad(loss)(weights, values))  # noqa: E731
    alone, together = on(1, step, VALUES), on(8, step, VALUES)

    hidden = lambda w: jnp.tanh(VALUES * w[None])  # noqa: E731
    plain = jax.grad(lambda w: jnp.mean(hidden(w) ** 2) + jnp.var(hidden(w), axis=0).sum())
    np.testing.assert_allclose(alone[0], plain(weights), rtol=1e-5)
    np.testing.assert_allclose(together, np.tile(plain(weights), (8, 1)), rtol=1e-5)


def test_alone_a_batch_is_the_whole_batch():
    def function(tree, weights):
        everyone = parallel.gather(tree["x"])
        return {
            "mean": parallel.mean(tree["x"][:, 0]),
            "all": everyone,
            "y": (tree["x"] @ weights,),
        }

    weights = np.ones((3, 2), np.float32)
    out = parallel.alone(function)({"x": jnp.asarray(VALUES)}, weights)
    np.testing.assert_allclose(out["mean"], VALUES[:, 0].mean(), rtol=1e-5)
    np.testing.assert_array_equal(out["all"], VALUES)
    np.testing.assert_allclose(out["y"][0], VALUES @ weights, rtol=1e-5)
    assert out["mean"].shape == ()


def test_shard_splits_the_batch_axis_in_order():
    images = np.arange(2 * 16 * 3).reshape(2, 16, 3)
    tree = {"image": images, "label": images[..., 0]}
    out = parallel.shard(tree, axis=1)
    assert out["image"].shape == (8, 2, 2, 3)
    assert out["label"].shape == (8, 2, 2)
    np.testing.assert_array_equal(np.concatenate(list(out["image"]), axis=1), images)
    np.testing.assert_array_equal(np.concatenate(list(out["label"]), axis=1), images[..., 0])
    np.testing.assert_array_equal(parallel.shard(VALUES, axis=0).reshape(16, 3), VALUES)


def test_processes_share_a_batch_in_order(monkeypatch):
    assert VALUES[parallel.share(16)].shape == VALUES.shape
    monkeypatch.setattr(jax, "process_count", lambda: 4)
    parts = []
    for index in range(4):
        monkeypatch.setattr(jax, "process_index", lambda index=index: index)
        parts.append(VALUES[parallel.share(16)])
    assert {part.shape for part in parts} == {(4, 3)}
    np.testing.assert_array_equal(np.concatenate(parts), VALUES)


def test_replicate_copies_to_every_device_and_back():
    tree = {"a": jnp.asarray(VALUES), "step": jnp.asarray(3)}
    copies = parallel.replicate(tree)
    assert len(copies["a"].devices()) == jax.local_device_count() == 8
    np.testing.assert_array_equal(copies["a"], np.broadcast_to(VALUES, (8, 16, 3)))
    back = parallel.unreplicate(copies)
    np.testing.assert_array_equal(back["a"], VALUES)
    assert back["step"] == 3
    assert back["step"].shape == ()


@pytest.mark.parametrize(
    ("devices", "batch", "advice"), [(3, 128, 129), (8, 4, 8), (8, 100, 96), (5, 128, 130)]
)
def test_a_batch_that_does_not_divide_is_refused_with_one_that_does(
    monkeypatch, devices, batch, advice
):
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    with pytest.raises(UserError) as caught:
        parallel.check_batch(batch)
    assert str(caught.value) == (
        f"batch_size {batch} is not divisible by {devices} devices; "
        f"try --config.batch_size={advice}"
    )
    assert advice % devices == 0


def test_packs_do_not_straddle_devices(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    with pytest.raises(UserError, match=r"8 devices with packs of 8; .*batch_size=128"):
        parallel.check_batch(96, pack=8)


def test_a_batch_that_divides_is_accepted():
    parallel.check_batch(128)
    parallel.check_batch(128, pack=16)
