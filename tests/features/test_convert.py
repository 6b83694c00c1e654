import numpy as np
import pytest

from gen_jax.features import archive, inception, inception_weights
from gen_jax.features.convert import main
from tests.features.make_inception_referee import state
from tests.features.test_inception_weights import ported


@pytest.fixture(scope="module")
def weights():
    """A PyTorch port's, as far as the second tap."""
    return state(ported("64", "192"))


def test_what_is_converted_is_the_same_network(weights, tmp_path, capsys):
    np.savez(tmp_path / "in.npz", **weights)
    target = tmp_path / "made" / "out.npz"
    assert main([str(tmp_path / "in.npz"), str(target)]) == 0
    assert capsys.readouterr().out == f"{target}: Inception-v3 up to 192, 10 arrays\n"
    folded, made = inception_weights.unpack(weights).arrays, archive.read(target)
    assert made.keys() == folded.keys()
    for name, array in folded.items():
        np.testing.assert_array_equal(made[name], array)
    assert inception.load(target).taps == ("64", "192")


def test_the_same_file_gives_the_same_bytes(weights, tmp_path):
    np.savez(tmp_path / "in.npz", **weights)
    for name in ("a.npz", "b.npz"):
        assert main([str(tmp_path / "in.npz"), str(tmp_path / name)]) == 0
    # A zip archive has dates; these are always those of 1980.
    assert b"\x00\x00\x21\x00" in (tmp_path / "a.npz").read_bytes()[:30]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_pytorchs_checkpoint_is_read(weights, tmp_path):
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    counts = {"Conv2d_1a_3x3.bn.num_batches_tracked": torch.tensor(0)}
    torch.save(tensors | counts, tmp_path / "in.pth")
    assert main([str(tmp_path / "in.pth"), str(tmp_path / "out.npz")]) == 0
    made = archive.read(tmp_path / "out.npz")
    for name, array in inception_weights.unpack(weights).arrays.items():
        np.testing.assert_array_equal(made[name], array)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: IN.pth, OUT.npz; python -m gen_jax.features.convert IN.pth OUT.npz"),
        (["in.npz", "out.npz", "more"], "unrecognized arguments: more"),
        (["none.pth", "out.npz"], "none.pth is not a file; pass pt_inception-2015-12-05"),
        (["in.npz", "out.pth"], "out.pth: the file to write must be called .npz"),
        (["text.npz", "out.npz"], "text.npz cannot be read: it is no .npz archive"),
        (["other.npz", "out.npz"], "other.npz is not Inception-v3 of 2015: it has no conv/kernel"),
        (["in.npz", "text.npz/out.npz"], "text.npz"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    weights, arguments, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "in.npz", **weights)
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    (tmp_path / "text.npz").write_text("no weights")
    before = sorted(tmp_path.iterdir())
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
