"""Shapes with some values of their factors only."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from gen_jax.data import load, shapes
from gen_jax.errors import UserError


def config(**changes):
    values = {"name": "shapes", "image_size": 0, "channels": 0, "num_classes": 0}
    values |= {"num_train": 60, "num_test": 40, "stream": False, "keep": ""}
    return ConfigDict({**values, **changes})


def test_keep_restricts_factors_and_drops_those_that_no_longer_vary():
    kept = config(keep="shape=heart, size=0|3, colour=red|blue")
    split, whole = (
        shapes.load(kept, "train"),
        shapes.load(config(num_train=200_000, stream=True), "train"),
    )
    names = [name for name, _ in split.spec.factors]
    assert dict(split.spec.factors) | {"size": 2, "colour": 2} == dict(split.spec.factors)
    assert names == ["colour", "size", "rotation", "x", "y", "background"]
    factors = split.factors(np.arange(60))
    assert set(factors[:, 0]) == {0, 8}
    assert set(factors[:, 1]) == {0, 3}
    assert set(split.labels) == {shapes.SHAPES.index("heart")}
    # They are the first such images of the whole list, not others.
    heart, every = shapes.SHAPES.index("heart"), whole.factors(np.arange(200_000))
    fits = (every[:, 0] == heart) & np.isin(every[:, 1], [0, 8]) & np.isin(every[:, 2], [0, 3])
    first = np.flatnonzero(fits)[:60]
    np.testing.assert_array_equal(
        split.gather(np.arange(len(first)))["image"], whole.gather(first)["image"]
    )
    streamed = shapes.load(
        config(keep="shape=heart, size=0|3, colour=red|blue", stream=True), "train"
    )
    np.testing.assert_array_equal(
        streamed.gather(np.arange(5))["image"], split.gather(np.arange(5))["image"]
    )


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("shap=heart", "data.keep: no factor 'shap'; did you mean shape?"),
        ("shape=hart", "data.keep: shape has no value 'hart'; it is one of arrow, boot"),
        ("size=6", "data.keep: size has no value '6'; it is one of 0 to 5"),
    ],
)
def test_what_cannot_be_kept_is_refused(keep, message):
    with pytest.raises(UserError) as caught:
        shapes.load(config(keep=keep), "train")
    assert str(caught.value).startswith(message)


def test_only_shapes_has_factors_to_keep():
    with pytest.raises(UserError, match="chooses among the factors of"):
        load(config(name="folder", keep="shape=heart"), "train")


def test_few_combinations_give_few_images():
    one = "shape=0,colour=0,size=0,rotation=0,x=0"
    train, test = (shapes.load(config(keep=one, num_test=60), s) for s in ("train", "test"))
    assert len(train) + len(test) == 9 * 8
    assert train.spec.num_examples == len(train)
