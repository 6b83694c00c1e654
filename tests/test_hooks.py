"""What training does beside its steps, of families with and without an encoder."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gen_jax import hooks
from gen_jax.core.state import Family
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.evals import diversity
from tests.evals import toy

IMAGES = toy.noise_images(20)


def never(*args):
    raise AssertionError("not called by hooks")


def gan(shape=toy.SHAPE):
    """Samples are the state everywhere; the discriminator says 1 of images and -1 of samples."""

    def metrics(state, batch, keys):
        zeros = 0.0 * batch["image"][:, 0, 0, 0]
        return {"d/real": zeros + 1, "d/fake": zeros - 1}

    def sample(state, keys, labels):
        return jnp.full((len(labels), *shape), state)

    return Family(never, never, metrics=metrics, sample=sample)


def test_a_gan_is_watched_and_judged(tmp_path):
    made = hooks.make(toy.model(gan(), toy.split(IMAGES), family="gan"), tmp_path)
    assert made.diagnose(jnp.float32(0), 3) == {
        "diversity/distance": 0.0,
        "diversity/duplicates": 1.0,
    }
    values = made.evaluate(jnp.float32(0), 3)
    assert (values["d/real"], values["d/fake"], values["d_auc"]) == (1, -1, 1)


def test_a_picture_shows_the_state_it_is_given(tmp_path):
    model = toy.model(gan(), toy.split(IMAGES), **{"eval.grid_rows": 2, "eval.grid_columns": 3})
    made = hooks.make(model, tmp_path)
    for step, value, grey in ((1, 1.0, 255), (2, -1.0, 0)):
        made.sample(jnp.float32(value), step)
        with Image.open(tmp_path / "samples" / f"step_{step:08}.png") as picture:
            assert picture.getpixel((0, 0)) == grey


def test_points_are_drawn_in_the_plane(tmp_path):
    spec = DataSpec("ring", (1, 1, 2), 2, ("a", "b"), 40, modes=((-1.0, 0.0), (1.0, 0.0)))
    points = np.random.default_rng(0).normal(size=(40, 1, 1, 2)).astype(np.float32)
    split = ArraySplit(spec, points, np.arange(40, dtype=np.int32) % 2)
    made = hooks.make(toy.model(gan((1, 1, 2)), split, family="gan"), tmp_path)
    made.sample(jnp.float32(0), 7)
    with Image.open(tmp_path / "samples" / "step_00000007.png") as picture:
        assert picture.size == (256, 256)
        drawn = np.asarray(picture).astype(int)
    assert (drawn[126:130, 126:130] != drawn[0, 0]).any()


@pytest.mark.parametrize("missing", ["encoder", "sampler"])
def test_only_families_that_sample_and_do_not_encode_are_watched(tmp_path, monkeypatch, missing):
    monkeypatch.setattr(diversity, "reference", never)
    changes = {"encode": never} if missing == "encoder" else {"sample": None}
    family = gan()._replace(**changes)
    made = hooks.make(toy.model(family, toy.split(IMAGES)), tmp_path)
    assert made.diagnose(jnp.float32(0), 3) == {}
    assert made.evaluate(jnp.float32(0), 3)["d/real"] == 1
    if missing == "sampler":
        made.sample(jnp.float32(0), 3)
        assert not (tmp_path / "samples").exists()
