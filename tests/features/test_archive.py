import importlib.util
import pickle

import numpy as np
import pytest

from gen_jax.errors import UserError
from gen_jax.features import archive


def test_npz_comes_back_as_it_was(tmp_path):
    arrays = {"a.weight": np.arange(6.0).reshape(2, 3), "names": np.array(["é", "b"])}
    np.savez(tmp_path / "weights.npz", **arrays)
    read = archive.read(tmp_path / "weights.npz")
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_state_dict_comes_back_as_float32(as_zip, tmp_path):
    torch = pytest.importorskip("torch")
    weight = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    state = {
        "a.weight": torch.nn.Parameter(torch.from_numpy(weight)),
        "a.half": torch.ones(2, dtype=torch.float16),
        "version": 3,
    }
    path = tmp_path / "weights.pth"
    # torchvision's oldest checkpoints, VGG's among them, are from before the zip format.
    torch.save(state, path, _use_new_zipfile_serialization=as_zip)
    read = archive.read(path)
    assert read.keys() == {"a.weight", "a.half"}
    np.testing.assert_array_equal(read["a.weight"], weight)
    assert read["a.half"].dtype == np.float32


class Trap:
    """Unpickled, it would print; nobody may unpickle it."""

    def __reduce__(self):
        return print, ("code from a weights file was run",)


def test_code_in_a_file_is_not_run(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap(), protocol=2))
    for name in ("trap.pth", "trap.pkl"):
        with pytest.raises(UserError, match=f"{name} cannot be read: it holds more than arrays"):
            archive.read(tmp_path / name)
    assert not capsys.readouterr().out


def test_without_torch_it_says_what_to_do(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    with pytest.raises(UserError, match="pip install torch, or save its arrays"):
        archive.read(tmp_path / "vgg16.pth")


@pytest.mark.parametrize("name", ["weights.pth", "weights.npz"])
def test_a_damaged_file_is_named_whatever_its_reader_makes_of_it(name, tmp_path):
    torch = pytest.importorskip("torch")
    path, rng = tmp_path / name, np.random.default_rng(0)
    with path.open("wb") as file:
        if path.suffix == ".npz":
            np.savez(file, a=np.ones((3, 4)))
        else:
            torch.save({"a": torch.ones(3, 4)}, file, _use_new_zipfile_serialization=False)
    content, refused = path.read_bytes(), 0
    for length in rng.integers(0, len(content), 60):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=f"{name} cannot be read: ") as error:
            archive.read(path)
        refused += "\n" not in str(error.value)
    assert refused == 60
