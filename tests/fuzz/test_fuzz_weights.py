"""Weights files of any content: .npz in every way wrong, and PyTorch's, whose pickles are code."""

import contextlib
import io
import pickle
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from gen_jax import features
from gen_jax.core import npz
from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.features import archive, classifier, convert, inception, judge
from gen_jax.nets.classifier import CLASSIFIERS
from tests.fuzz.sandbox import Sandbox

FUZZ = settings(max_examples=100, suppress_health_check=list(HealthCheck))
SPEC = DataSpec("shapes", (8, 8, 3), 2, ("a", "b"), 10)
LOADERS = (
    lambda path: judge.load(str(path), SPEC),
    lambda path: features.load("classifier", str(path), (), SPEC.shape),
    lambda path: features.load("vgg16", str(path), (), SPEC.shape),
    lambda path: inception.load(path),
)
ODD = (
    *(np.zeros(0), np.array(3), np.array("x"), np.array([]), np.array([1e308]), np.array(np.inf)),
    *(np.array([[1, 2]]), np.array(-1), np.array(2**62), np.array(["1", "2"]), np.array(1j)),
    *(np.array(np.nan), np.array(True), np.array(b"conv"), np.array("2020-01-01", "M8[D]")),
    *(np.array([10**6] * 3), np.array([0, 0]), np.zeros((2, 0, 3)), np.array([4] * 64)),
)


def good():
    """The arrays of a small classifier, all of them zeros and ones."""
    net = CLASSIFIERS["conv"]((4, 4), 2, 1)
    shapes = jax.eval_shape(
        lambda key: net.init(key, jnp.zeros((1, *SPEC.shape)), False), jax.random.key(0)
    )
    variables = jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), shapes)
    return classifier.pack(net, variables, SPEC, classifier.Origin("shapes", 1, "0" * 64))


ARRAYS = good()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("weights"))
    sandbox.work.mkdir()
    return sandbox


def stored(arrays):
    content = io.BytesIO()
    np.savez(content, allow_pickle=True, **arrays)
    return content.getvalue()


class Trap:
    """Unpickled, it would make the canary."""

    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return eval, (self.code,)


@st.composite
def wrong_arrays(draw, code):
    """A classifier's arrays, some of them odd, missing, misnamed or of another layout."""
    arrays = dict(ARRAYS)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(arrays)))
        match draw(st.integers(0, 6)):
            case 0:
                del arrays[name]
            case 1:
                arrays[draw(st.sampled_from(("../x", "/etc/x", "a/../../x", "x" * 200)))] = ODD[0]
            case 2:
                arrays[name] = np.full_like(arrays[name], np.nan, dtype=np.float32)
            case 3:
                arrays[name] = np.asfortranarray(arrays[name])
            case 4:
                arrays[name] = np.array([Trap(code)], dtype=object)
            case _:
                arrays[name] = draw(st.sampled_from(ODD))
        if not arrays:
            break
    return stored(arrays)


@st.composite
def damaged(draw):
    """A classifier's file, cut, with wrong bytes, or with something before or after it."""
    content = bytearray(stored(ARRAYS))
    match draw(st.integers(0, 3)):
        case 0:
            return bytes(content[: draw(st.integers(0, len(content)))])
        case 1:
            return draw(st.binary(max_size=60)) + bytes(content) + draw(st.binary(max_size=60))
        case 2:  # of the zip's directory, where sizes, names and methods are
            first = content.index(b"PK\x01\x02")
            content[draw(st.integers(first, len(content) - 1))] = draw(st.integers(0, 255))
    for _ in range(draw(st.integers(1, 5))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


def header(shape, descr="<f4"):
    content = io.BytesIO()
    entries = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, entries)
    return content.getvalue()


def zipped(method=zipfile.ZIP_DEFLATED, **members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return content.getvalue()


def load_everywhere(sandbox, path, loaders=LOADERS):
    for load in loaders:
        sandbox.try_out(lambda load=load: load(path))
    target = sandbox.work / "converted.npz"
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = convert.main([str(path), str(target)])
    sandbox.check(code, said.getvalue())


def test_the_undamaged_file_loads(sandbox):
    path = sandbox.work / "weights.npz"
    path.write_bytes(stored(ARRAYS))
    assert judge.load(str(path), SPEC).classes == ("a", "b")


@FUZZ
@given(st.data())
def test_arrays_that_are_not_the_networks(sandbox, data):
    path = sandbox.work / "weights.npz"
    path.write_bytes(data.draw(wrong_arrays(sandbox.code())))
    load_everywhere(sandbox, path)


@FUZZ
@given(damaged() | st.binary(max_size=100))
def test_damaged_files(sandbox, content):
    path = sandbox.work / "weights.npz"
    path.write_bytes(content)
    load_everywhere(sandbox, path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: zipped(**{"a.npy": bytes(2**24 + 1)}), "unfolds to over 16 MiB"),
        (lambda: zipped(zipfile.ZIP_BZIP2, **{"a.npy": bytes(2**24)}), "compressed in a way"),
        (lambda: zipped(**{"a.npy": header((2**40,))}), "not as large as it claims"),
        (lambda: zipped(**{"a.npy": header((2**40,), "<U0")}), "no plain array"),
        (lambda: zipped(**{"a.npy": header((-1, -4)) + bytes(16)}), "not as large as it claims"),
        (lambda: zipped(**{"a.npy": header((1,), [("a", "<f4")]) + bytes(4)}), "no plain array"),
        (lambda: zipped(**{"a.npy": header((1,), "|O") + bytes(4)}), "Python objects"),
        (lambda: zipped(**{"a.npy": b"\x93NUMPY\x03\x00" + bytes(90)}), "format"),
        (lambda: zipped(**{"a.txt": b"hello"}), "no array"),
        (lambda: zipped(**{f"{i}.npy": b"" for i in range(npz.MOST_ARRAYS + 1)}), "members"),
        (lambda: b"", "no .npz"),
    ],
)
def test_bombs_are_refused_before_they_unfold(content, said, sandbox, monkeypatch):
    monkeypatch.setattr(npz, "MOST_BYTES", 2**24)
    path = sandbox.work / "bomb.npz"
    path.write_bytes(content())
    assert said in sandbox.try_out(lambda: archive.read(path))


def test_a_network_is_not_built_larger_than_its_file(sandbox):
    path = sandbox.work / "deep.npz"
    path.write_bytes(stored(ARRAYS | {"net": np.array("resnet"), "blocks": np.array(10**9)}))
    assert "blocks each" in sandbox.try_out(lambda: judge.load(str(path), SPEC))


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x.npz", "a\0b.npz", "/dev/zero", "."])
def test_what_is_no_file(name, sandbox):
    for load in LOADERS:
        assert "is not a file" in sandbox.try_out(lambda load=load: load(name))
    config = ConfigDict({"perceptual": {"weight": 1.0, "weights": name}})
    with pytest.raises(UserError, match="is not a file"):
        judge.refuse_own("0" * 64, config)


@settings(FUZZ, max_examples=100)
@given(st.data())
def test_pickled_code_is_not_run(sandbox, data):
    pytest.importorskip("torch")
    code = sandbox.code()
    pickled = pickle.dumps({"features.0.weight": Trap(code)}, data.draw(st.integers(0, 5)))
    within = data.draw(st.sampled_from(("archive/data.pkl", "data.pkl", "x/data.pkl")))
    version = {within.replace("data.pkl", "version"): b"3\n"}
    content = data.draw(
        st.sampled_from((pickled, zipped(zipfile.ZIP_STORED, **{within: pickled}, **version)))
    )
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    path = sandbox.work / f"weights{data.draw(st.sampled_from(('.pth', '.pt', '.bin', '')))}"
    path.write_bytes(content[:cut])
    assert sandbox.try_out(lambda: archive.read(path))
    load_everywhere(sandbox, path, LOADERS[2:])


def test_a_tensor_that_repeats_itself_is_not_unfolded(sandbox):
    torch = pytest.importorskip("torch")
    path = sandbox.work / "repeated.pth"
    torch.save({"a": torch.zeros(1, dtype=torch.float16).expand(2**30)}, path)
    assert path.stat().st_size < 10_000
    assert "tensors have over" in sandbox.try_out(lambda: archive.read(path))
