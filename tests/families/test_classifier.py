import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, log_loss

from gen_jax import config as configs
from gen_jax.core import parallel
from gen_jax.core.state import Family
from gen_jax.data import load as load_data
from gen_jax.data.spec import scaled
from gen_jax.errors import UserError
from gen_jax.families import classifier
from gen_jax.features import classifier as file
from gen_jax.features import load
from gen_jax.losses.augmentation import augment
from gen_jax.nets.classifier import Classifier, ResNetClassifier

RESNET = {"classifier.net": "resnet", "classifier.widths": (4, 6), "classifier.blocks": 2}
POLICIES = ("flip", "shift")


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
    keys = tiny.keys(batch["image"].shape[1]).reshape(devices, 1, -1)
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
@pytest.mark.parametrize("overrides", [{}, RESNET], ids=["conv", "resnet"])
def test_eight_devices_train_as_one(tiny, overrides):
    family = make(tiny, **overrides, **{"classifier.augment": POLICIES})
    batch = tiny.batch(16)
    (alone, one), (together, eight) = (train(tiny, family, n, batch, steps=2) for n in (1, 8))
    for a, b in zip(alone, together, strict=True):
        assert set(a) == {"cross_entropy", "accuracy", "grad/classifier"}
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


def test_training_images_are_augmented_by_their_own_keys_and_test_images_are_not(tiny):
    plain, family = make(tiny), make(tiny, **{"classifier.augment": POLICIES})
    state, batch, keys = tiny.state(plain), tiny.batch(16), tiny.keys(16)
    moved = {**batch, "image": augment(batch["image"][0], keys, POLICIES)[None]}
    assert np.mean(np.any(moved["image"] != batch["image"], axis=(2, 3, 4))) > 0.5
    (after, metrics), (expected, seen) = (
        tiny.step(one)(state, images, keys) for one, images in ((family, batch), (plain, moved))
    )
    assert metrics == seen
    jax.tree.map(np.testing.assert_array_equal, after.params, expected.params)
    test = example(tiny)
    ours, theirs = (one.metrics(state, test, keys)["cross_entropy"] for one in (family, plain))
    np.testing.assert_array_equal(ours, theirs)


def test_a_small_resnet_learns_shapes_in_a_few_dozen_steps(tiny):
    widths = {"classifier.widths": (8, 16), "classifier.blocks": 1}
    config = tiny.config(**RESNET | widths, **{"classifier.lr": 0.01, "optimizer.b1": 0.9})
    keep = "shape=arrow|fish|heart|moon, size=5, rotation=7, x=4, y=4"
    config.data.update(name="shapes", image_size=16, num_train=128, num_test=32, keep=keep)
    train_split, test_split = (load_data(config.data, split) for split in ("train", "test"))
    family = classifier.make(config, train_split.spec)
    step, state = jax.jit(tiny.step(family)), jax.jit(family.init)(jax.random.key(0))
    for i in range(48):
        batch = train_split.gather(np.arange(32 * i, 32 * i + 32) % 128)
        batch = {"image": scaled(batch["image"])[None], "label": batch["label"][None]}
        state, _ = step(state, batch, tiny.keys(32))
    # In other colours, before other backgrounds.
    batch = test_split.gather(np.arange(32))
    batch["image"] = scaled(batch["image"])
    accuracy = jax.jit(family.metrics)(state, batch, tiny.keys(32))["accuracy"].mean()
    assert accuracy > 0.8  # chance is 0.25


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


@pytest.mark.parametrize("overrides", [{}, RESNET], ids=["conv", "resnet"])
def test_what_it_exports_is_the_network_it_evaluates(tiny, tmp_path, overrides):
    config = tiny.config(**overrides, seed=7)
    family, batch = classifier.make(config, tiny.spec), example(tiny)
    state = tiny.state(family)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **family.export(state))
    path = tmp_path / "classifier.npz"
    path.write_bytes(buffer.getvalue())
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    net, variables, shape = file.unpack(arrays)
    assert net == (ResNetClassifier((4, 6), 5, 2) if overrides else Classifier((4,), 5))
    assert shape == tiny.spec.shape
    assert tuple(arrays["class_names"]) == tiny.spec.class_names
    assert file.origin(arrays) == ("tiny", 7, configs.digest(config))
    logits, maps = net.apply(variables, batch["image"], False)
    ours = np.argmax(logits, axis=1) == batch["label"]
    theirs = family.metrics(state, batch, tiny.keys(16))["accuracy"]
    np.testing.assert_array_equal(ours, theirs.astype(bool))
    features = load("classifier", str(path), (1,), shape).apply(batch["image"])
    np.testing.assert_array_equal(features[0], maps[1])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"classifier.widths": (4,) * 4}, r"classifier.widths=\(4, 4, 4, 4\) halves the image 4"),
        ({"classifier.widths": ()}, "needs a layer"),
        ({**RESNET, "classifier.widths": ()}, "needs a layer"),
        ({**RESNET, "classifier.widths": (4, 0)}, "channels in each"),
        ({**RESNET, "classifier.widths": (4,) * 5}, "halves the image 4 times"),
        ({"classifier.net": "resnett"}, "classifier.net='resnett' is not known; did you mean res"),
        ({"classifier.blocks": 2}, "classifier.blocks=2: classifier.net='conv' has no blocks"),
        ({"classifier.augment": ("shfit",)}, "classifier.augment='shfit' .* did you mean shift"),
        ({"classifier.augment": POLICIES, "data.flip": True}, "leave one of them out"),
    ],
)
def test_what_cannot_be_built_is_refused(tiny, overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        make(tiny, **overrides)
    assert "\n" not in str(caught.value)


def test_what_its_first_width_does_not_halve_a_resnet_can_see(tiny):
    make(tiny, **RESNET | {"classifier.widths": (4,) * 4})
    make(tiny, **{"classifier.augment": ("shift",), "data.flip": True})


def test_a_single_class_is_refused(tiny):
    with pytest.raises(UserError, match="tiny has one class, nothing to tell apart"):
        classifier.make(tiny.config(), tiny.spec._replace(num_classes=1, class_names=("all",)))
