import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, log_loss

from gen_jax.core import parallel
from gen_jax.core.state import Family
from gen_jax.errors import UserError
from gen_jax.families import classifier
from gen_jax.features import classifier as file
from gen_jax.features import load
from gen_jax.nets.classifier import Classifier


def make(tiny, **overrides):
    return classifier.make(tiny.config(**overrides), tiny.spec)


def example(tiny, size=16):
    """A batch as evaluation has it, without the axis of draws."""
    return {name: leaf[0] for name, leaf in tiny.batch(size).items()}


def train(tiny, family, devices, batch, steps):
    """Metrics of every step, and the last state of every device."""
    run = parallel.pmap(family.step)
    spread = lambda tree: jax.tree.map(lambda leaf: jnp.stack([leaf] * devices), tree)  # noqa: E731
    state, key = spread(tiny.state(family)), spread(jax.random.key(1))
    size = batch["image"].shape[1]
    keys = spread(tiny.keys(size // devices)[None])
    batch = {k: v.reshape(devices, 1, -1, *v.shape[2:]) for k, v in batch.items()}
    history = []
    for _ in range(steps):
        state, metrics = run(state, batch, keys, key)
        history.append(jax.tree.map(np.asarray, metrics))
    return history, jax.tree.map(np.asarray, state)


def test_it_is_a_family_that_only_classifies(tiny):
    family = make(tiny)
    assert isinstance(family, Family)
    given = {name for name in Family._fields if getattr(family, name) is not None}
    assert given == {"init", "step", "draws", "metrics", "export", "best", "frozen"}
    assert family.best[0] in family.metrics(tiny.state(family), example(tiny), tiny.keys(16))
    state = family.init(jax.random.key(0))
    assert set(state.params) == set(state.batch_stats) == set(state.opt) == {"classifier"}
    assert not state.ema
    assert not state.extra


def test_metrics_are_those_of_scikit_learn(tiny):
    family, batch = make(tiny), example(tiny)
    state = tiny.state(family)
    variables = {k: getattr(state, k)["classifier"] for k in ("params", "batch_stats")}
    logits, _ = Classifier((4,), 5).apply(variables, batch["image"], False)
    log_p = log_softmax(np.asarray(logits, np.float64), axis=1)
    batch["label"][:6] = log_p[:6].argmax(axis=1)  # some are right
    metrics = family.metrics(state, batch, tiny.keys(16))
    assert metrics["cross_entropy"].shape == metrics["accuracy"].shape == (16,)
    expected = log_loss(batch["label"], np.exp(log_p), labels=range(5))
    np.testing.assert_allclose(metrics["cross_entropy"].mean(), expected, rtol=1e-5)
    expected = accuracy_score(batch["label"], log_p.argmax(axis=1))
    assert 0 < expected < 1
    np.testing.assert_allclose(metrics["accuracy"].mean(), expected, rtol=1e-6)


@pytest.mark.usefixtures("gradients_as_opt")
def test_the_gradient_is_that_of_the_cross_entropy_of_the_batch(tiny):
    family, batch = make(tiny), tiny.batch(8)
    state = tiny.state(family)
    history, after = train(tiny, family, 1, batch, steps=1)
    net, stats = Classifier((4,), 5), state.batch_stats["classifier"]

    def cross_entropy(params):
        def logits(images):
            variables = {"params": params, "batch_stats": stats}
            return net.apply(variables, images, True, mutable=["batch_stats"])[0][0]

        logits = jax.vmap(logits, axis_name=parallel.AXIS)(batch["image"])[0]
        chosen = jnp.take_along_axis(logits, batch["label"][0][:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - chosen)

    value, grads = jax.value_and_grad(cross_entropy)(state.params["classifier"])
    np.testing.assert_allclose(history[0]["cross_entropy"][0], value, rtol=1e-5)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours[0], theirs, rtol=1e-4, atol=1e-5),
        after.opt["classifier"],
        grads,
    )


@pytest.mark.usefixtures("gradients_as_opt")
def test_eight_devices_train_as_one(tiny):
    family, batch = make(tiny), tiny.batch(16)
    (alone, one), (together, eight) = (train(tiny, family, n, batch, steps=2) for n in (1, 8))
    for a, b in zip(alone, together, strict=True):
        assert set(a) == {"cross_entropy", "accuracy"}
        for name, value in a.items():
            np.testing.assert_allclose(b[name], np.repeat(value, 8), rtol=1e-4)
    for part in ("params", "batch_stats", "opt"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(
                b, np.repeat(a, 8, axis=0), rtol=1e-4, atol=1e-5
            ),
            getattr(one, part),
            getattr(eight, part),
        )


def test_it_learns_what_can_be_learned(tiny):
    family = make(tiny, **{"classifier.lr": 0.05, "classifier.widths": (8,), "optimizer.b1": 0.9})
    batch = tiny.batch(16)
    batch["image"] = (batch["label"][..., None, None, None] / 2 - 1) + 0.1 * batch["image"]
    history, state = train(tiny, family, 1, batch, steps=60)
    assert history[0]["accuracy"][0] < 0.6
    assert history[-1]["accuracy"][0] == 1
    assert history[-1]["cross_entropy"][0] < 0.2
    # Evaluation has no batch to take moments from; the running ones must do.
    state = jax.tree.map(lambda leaf: leaf[0], state)
    seen = {name: leaf[0] for name, leaf in batch.items()}
    assert family.metrics(state, seen, tiny.keys(16))["accuracy"].mean() == 1


def test_what_it_exports_is_the_network_it_evaluates(tiny, tmp_path):
    family, batch = make(tiny), example(tiny)
    state = tiny.state(family)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **family.export(state))
    path = tmp_path / "classifier.npz"
    path.write_bytes(buffer.getvalue())
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    net, variables, shape = file.unpack(arrays)
    assert shape == tiny.spec.shape
    assert tuple(arrays["class_names"]) == tiny.spec.class_names
    logits, maps = net.apply(variables, batch["image"], False)
    ours = np.argmax(logits, axis=1) == batch["label"]
    theirs = family.metrics(state, batch, tiny.keys(16))["accuracy"]
    np.testing.assert_array_equal(ours, theirs.astype(bool))
    features = load("classifier", str(path), (1,), shape).apply(batch["image"])
    np.testing.assert_array_equal(features[0], maps[1])


def test_what_cannot_be_built_is_refused(tiny):
    with pytest.raises(UserError, match=r"classifier.widths=\(4, 4, 4, 4\) halves the image 4"):
        make(tiny, **{"classifier.widths": (4,) * 4})
    with pytest.raises(UserError, match="tiny has one class, nothing to tell apart"):
        classifier.make(tiny.config(), tiny.spec._replace(num_classes=1, class_names=("all",)))
