"""Config files: found, run, and blamed by file and line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gen_jax
from gen_jax import config
from gen_jax.errors import UserError

BASE = """
from ml_collections import ConfigDict

def get_config():
    config = ConfigDict({"seed": 1, "loss": {"beta": 0.5}})
    return config
"""
VARIANT = """
from configs.base import get_config as base_config

def get_config():
    config = base_config()
    config.loss.beta = 2
    return config
"""


@pytest.fixture
def folder(tmp_path):
    """A user's own configs/ with a base and a variant."""
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "base.py").write_text(BASE)
    (folder / "variant.py").write_text(VARIANT)
    return folder


def write(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text(text)
    return file


def test_a_variant_finds_the_base_beside_it_from_any_working_directory(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert config.load("configs/variant.py").loss.beta == 2.0
    monkeypatch.chdir("/")
    assert config.load(folder / "variant.py").to_dict() == {"seed": 1, "loss": {"beta": 2.0}}


def test_each_load_reads_the_base_of_its_own_folder_as_it_is_now(folder, tmp_path):
    other = tmp_path / "other" / "configs"
    shutil.copytree(folder, other)
    (other / "base.py").write_text(BASE.replace('"seed": 1', '"seed": 1234'))
    assert config.load(folder / "variant.py").seed == 1
    assert config.load(other / "variant.py").seed == 1234
    (folder / "base.py").write_text(BASE.replace('"seed": 1', '"seed": 77'))
    assert config.load(folder / "variant.py").seed == 77


def test_loading_leaves_sys_path_and_sys_modules_alone(folder, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "configs.mark", sys)
    path, modules = sys.path.copy(), set(sys.modules)
    config.load(folder / "variant.py")
    assert sys.path == path
    assert set(sys.modules) == modules


def test_a_user_folder_named_configs_can_build_on_the_checkouts(tmp_path, monkeypatch):
    checkout = Path(gen_jax.__file__).parents[1] / "configs"
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != checkout.parent]
    monkeypatch.setattr(sys, "path", elsewhere)
    mine = tmp_path / "configs"
    mine.mkdir()
    loaded = config.load(write(mine, VARIANT))
    assert loaded.loss.beta == 2.0
    base = config.load(checkout / "base.py")
    assert set(config.dotted(loaded)) == set(config.dotted(base))


def test_the_checkouts_configs_load_in_a_process_started_elsewhere(tmp_path):
    root = Path(gen_jax.__file__).parents[1]
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from gen_jax import config; "
        "print(config.load('configs/base.py').seed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(config.load(root / "configs" / "base.py").seed)


def test_a_missing_file_names_the_nearest(folder):
    with pytest.raises(UserError, match=r"no config file .*varint\.py; the nearest: .*variant\.py"):
        config.load(folder / "varint.py")


def test_a_missing_file_in_a_missing_folder_is_still_one_line():
    with pytest.raises(UserError, match=r"^no config file /nowhere/x\.py.*base\.py") as caught:
        config.load("/nowhere/x.py")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"mine\.py: a config file must define get_config\(\)"),
        ("get_config = 3\n", r"mine\.py: a config file must define get_config\(\)"),
        ("def get_config():\n    return {}\n", r"that returns a ConfigDict"),
        ("x = 1\ndef get_config(:\n", r"mine\.py:2: "),
        ("import math\n\nx = 1 / 0\n", r"mine\.py:3: ZeroDivisionError: division by zero"),
        ("import no_such_thing\n", r"mine\.py:1: ModuleNotFoundError: .*no_such_thing"),
        ("import math\ndef get_config():\n    return math.sqrt(-1)\n", r"mine\.py:3: ValueError"),
        ("def get_config():\n    raise ValueError('two\\nlines')\n", r"mine\.py:2: .*two lines"),
        (VARIANT.replace("= 2", "= 'big'"), r"mine\.py:6: TypeError: .*loss|beta"),
        (VARIANT.replace("configs.base", "configs.bass"), r"mine\.py:2: ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_with_its_place(folder, text, message):
    with pytest.raises(UserError, match=message) as caught:
        config.load(write(folder, text))
    assert "\n" not in str(caught.value)


def test_an_error_in_the_base_is_blamed_on_the_base(folder):
    (folder / "base.py").write_text(BASE.replace("return config", "return config.nothing"))
    with pytest.raises(UserError, match=r"base\.py:6: AttributeError"):
        config.load(folder / "variant.py")
    (folder / "base.py").write_text("def get_config(:")
    with pytest.raises(UserError, match=r"base\.py:1: "):
        config.load(folder / "variant.py")


def test_an_interrupt_is_not_an_error_of_the_file(folder):
    with pytest.raises(KeyboardInterrupt):
        config.load(write(folder, "raise KeyboardInterrupt\n"))
