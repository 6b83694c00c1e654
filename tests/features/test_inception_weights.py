import numpy as np
import pytest

from gen_jax.features import inception_graph as graph
from gen_jax.features import inception_weights
from gen_jax.features.inception_weights import PORTED, unpack
from gen_jax.features.network import Misfit
from tests.features.make_inception_referee import state

TAPS = tuple(graph.DIMENSIONS)


def named(*taps):
    """Random weights by the graph's names, as far as some taps need them."""
    rng, shapes = np.random.default_rng(0), graph.shapes()
    return {
        name: rng.uniform(-0.3, 0.3, shape).astype(np.float32)
        for tap in taps
        for name, shape in shapes[tap].items()
    }


def ported(*taps):
    """Shapes of a PyTorch port's arrays, as far as some taps need them."""
    found = {}
    for name, shape in (item for tap in taps for item in graph.shapes()[tap].items()):
        layer, kind = name.split("/")
        if layer == "softmax":
            found |= {"fc.weight" if kind == "kernel" else "fc.bias": shape[::-1]}
        elif kind == "kernel":
            height, width, before, after = shape
            found[f"{PORTED[layer]}.conv.weight"] = after, before, height, width
        else:
            norm = ("weight", "bias", "running_mean", "running_var")
            found |= {f"{PORTED[layer]}.bn.{moment}": shape for moment in norm}
    return found


def test_there_are_ninety_four_convolutions_of_as_many_names():
    names = {name.split("/")[0] for shapes in graph.shapes().values() for name in shapes}
    assert names == {*PORTED, "softmax"}
    assert len(PORTED) == len(set(PORTED.values())) == 94


def test_folding_is_batch_norm():
    arrays = {name: array.astype(np.float64) for name, array in state(ported("64")).items()}
    patches = np.random.default_rng(1).normal(size=(50, 3, 3, 32))
    layer = PORTED["conv_2"]
    norm = lambda name: arrays[f"{layer}.bn.{name}"]  # noqa: E731
    plain = np.einsum("nhwi,oihw->no", patches, arrays[f"{layer}.conv.weight"])
    deviation = np.sqrt(norm("running_var") + 0.001)
    expected = norm("weight") * (plain - norm("running_mean")) / deviation + norm("bias")
    folded = unpack(arrays).arrays
    ours = np.einsum("nhwi,hwio->no", patches, folded["conv_2/kernel"]) + folded["conv_2/bias"]
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_a_variance_of_zero_is_kept_finite_by_epsilon():
    arrays = state(ported("64"))
    arrays["Conv2d_1a_3x3.bn.running_var"][:] = 0
    gain = arrays["Conv2d_1a_3x3.bn.weight"] * 0.001**-0.5
    kernel = arrays["Conv2d_1a_3x3.conv.weight"].transpose(2, 3, 1, 0) * gain
    np.testing.assert_allclose(unpack(arrays).arrays["conv/kernel"], kernel, rtol=1e-6)


def test_folded_weights_come_back_as_they_were():
    arrays = named("64", "192")
    weights = unpack(arrays)
    assert weights.taps == ("64", "192")
    assert weights.lacks == "mixed_conv/kernel"
    assert weights.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(weights.arrays[name], array)


def test_what_a_file_does_not_use_is_left():
    arrays = named("64") | {"global_step": np.array(7), "mixed_10_conv/kernel": np.zeros(3)}
    assert unpack(arrays).arrays.keys() == named("64").keys()


@pytest.mark.parametrize("end", range(1, len(TAPS) + 1))
@pytest.mark.parametrize("folded", [True, False])
def test_a_file_suffices_for_the_taps_it_holds(folded, end, monkeypatch):
    shapes = graph.shapes() if folded else {tap: ported(tap) for tap in TAPS}
    # Only names matter here, so the quarter of a gigabyte of numbers is spared.
    monkeypatch.setattr(inception_weights, "take", lambda *_: np.zeros(0, np.float32))
    monkeypatch.setattr(inception_weights, "_fold", lambda *_: np.zeros(0, np.float32))
    arrays = {name: np.zeros(0) for tap in TAPS[:end] for name in shapes[tap]}
    weights = unpack(arrays)
    assert weights.taps == TAPS[:end]
    following = [name for tap in TAPS[end : end + 1] for name in shapes[tap]]
    assert weights.lacks is None if not following else weights.lacks in following
    # One array less, and the last tap is gone.
    last = list(shapes[TAPS[end - 1]])[-1]
    arrays.pop(last)
    if end > 1:
        assert unpack(arrays)[1:] == (TAPS[: end - 1], last)
    else:
        with pytest.raises(Misfit, match=f"it has no {last}"):
            unpack(arrays)


@pytest.mark.parametrize(
    ("make", "name", "array", "message"),
    [
        (named, "conv/kernel", np.ones((3, 3, 3, 31)), r"is \[3, 3, 3, 31\], not \[3, 3, 3, 32\]"),
        (named, "conv_1/bias", np.ones(32, np.int8), "its conv_1/bias is int8"),
        (named, "conv_2/bias", np.full(64, np.nan), "its conv_2/bias holds NaN or infinity"),
        (ported, "Conv2d_2b_3x3.conv.weight", np.ones((64, 32, 3, 1)), r"not \[64, 32, 3, 3\]"),
        (ported, "Conv2d_1a_3x3.bn.bias", np.full(32, np.inf), "bn.bias holds NaN or infinity"),
        (ported, "Conv2d_2a_3x3.bn.running_var", -np.ones(32), "has negative variances"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(make, name, array, message):
    arrays = named("64") if make is named else state(ported("64"))
    assert name in arrays
    with pytest.raises(Misfit, match=message):
        unpack(arrays | {name: array})


def test_another_release_of_the_network_is_refused():
    # torchvision's own weights have these very names, and a thousand classes.
    shapes = ported(*TAPS) | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}
    arrays = {name: np.broadcast_to(np.float32(0.5), shape) for name, shape in shapes.items()}
    with pytest.raises(Misfit, match=r"its fc.weight is \[1000, 2048\], not \[1008, 2048\]"):
        unpack(arrays)
