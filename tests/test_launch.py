"""The command line: modes on a small run, and every mistake a user can make there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gen_jax import config as configs
from gen_jax import launch
from gen_jax.train import workdir
from tests.shrink import shrink

ROOT = Path(__file__).parents[1]
SHAPES = ROOT / "configs" / "cvae_gan_shapes.py"
PLACE = ["--coordinator=127.0.0.1:1234", "--num_processes=2", "--process_id=1"]
RING = ROOT / "configs" / "gan_ring.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The workdir of a small run on shapes."""
    workdir = tmp_path_factory.mktemp("runs") / "trained"
    with pytest.MonkeyPatch.context() as patch:
        load = configs.load
        patch.setattr(configs, "load", lambda path: shrink(load(path)))
        assert launch.main([f"--config={SHAPES}", f"--workdir={workdir}"]) == 0
    return workdir


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of that workdir, to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def fails(capsys, *argv):
    """The one line a failing command prints."""
    assert launch.main([str(arg) for arg in argv]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    return line


def test_a_run_leaves_a_complete_workdir(trained):
    names = "config.json environment.json metrics.jsonl report.md report.html parameters.txt"
    assert all((trained / name).stat().st_size for name in names.split())
    assert (trained / "samples" / "step_00000002.png").exists()
    evals = {path.name for path in (trained / "evals").iterdir()}
    assert evals == {
        "figures.npz",
        "latents.json",
        "probe.json",
        "reconstruction.json",
        "samples.json",
        "similarity.json",
        "yardsticks.json",
        "disentanglement.json",
    }
    environment = json.loads((trained / "environment.json").read_text())
    assert environment["parameters"].keys() == {"encoder", "generator", "discriminator"}


def test_sample_writes_the_pictures_asked_for(copied, capsys):
    argv = [f"--workdir={copied}", "--mode=sample", "--labels=fish,arrow", "--num=5", "--seed=3"]
    assert launch.main(argv) == 0
    (folder,) = (copied / "generated").iterdir()
    with np.load(folder / "samples.npz") as archive:
        pictures, labels = archive["arr_0"], archive["labels"]
    names = json.loads((copied / "config.json").read_text())
    assert pictures.dtype == np.uint8
    assert pictures.shape == (5, 16, 16, 3)
    assert [path.stem[6:] for path in sorted(folder.glob("0*.png"))] == ["fish"] * 3 + ["arrow"] * 2
    assert labels.tolist() == [2, 2, 2, 0, 0], names
    with Image.open(folder / "00000_fish.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pictures[0])
    assert (folder / "grid.png").exists()


def test_a_sample_depends_on_its_seed_and_index_only(copied):
    def draw(*flags):
        assert launch.main([f"--workdir={copied}", "--mode=sample", "--labels=0", *flags]) == 0
        newest = max((copied / "generated").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        with np.load(newest / "samples.npz") as archive:
            return archive["arr_0"]

    few, many, other = draw("--num=3"), draw("--num=20"), draw("--num=3", "--seed=1")
    np.testing.assert_array_equal(few, many[:3])
    assert not np.array_equal(few, other)


def test_evaluating_again_gives_the_same_numbers(copied):
    before = {path.name: path.read_bytes() for path in (copied / "evals").glob("*.json")}
    assert launch.main([f"--workdir={copied}", "--mode=evaluate"]) == 0
    assert {path.name: path.read_bytes() for path in (copied / "evals").glob("*.json")} == before


def test_a_report_can_be_written_again(copied):
    before = (copied / "report.html").read_bytes()
    (copied / "report.html").unlink()
    assert launch.main([f"--workdir={copied}", "--mode=report"]) == 0
    assert (copied / "report.html").read_bytes() == before


def test_a_damaged_checkpoint_is_named(copied, capsys):
    payload = max(
        (copied / "checkpoints").rglob("*"), key=lambda p: p.is_file() and p.stat().st_size
    )
    content = bytearray(payload.read_bytes())
    content[len(content) // 2] ^= 1
    payload.write_bytes(content)
    line = fails(capsys, f"--workdir={copied}", "--mode=evaluate")
    assert f"{copied}/checkpoints/2" in line


def test_a_workdir_of_another_config_is_left_alone(copied, capsys):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    line = fails(capsys, f"--workdir={copied}", "--config.loss.beta=0.5", "--config.num_steps=9")
    assert "loss.beta 0.2 -> 0.5" in line
    assert "num_epochs" in line  # one of those that may change
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--config=configs/cvae_gan_shapes.py"),
        (["--config=configs/cvae_gan_shape.py"], "cvae_gan_shapes.py"),
        ([f"--config={SHAPES}", "--config.loss.bata=1"], "did you mean loss.beta"),
        ([f"--config={SHAPES}", "--config.loss.beta=much"], "loss.beta expects a float"),
        ([f"--config={SHAPES}", "--mode=trian"], "did you mean train"),
        ([f"--config={SHAPES}", "--wrokdir=x"], "unrecognized arguments: --wrokdir=x"),
        ([f"--config={SHAPES}", "--config.family=cvea_gan"], "did you mean cvae_gan"),
        ([f"--config={SHAPES}", "--config.loss.adversarial=hing"], "did you mean hinge"),
        ([f"--config={SHAPES}", "--config.batch_size=12"], "not divisible by 8 devices"),
        ([f"--config={SHAPES}", "--config.num_steps=0"], "nothing to train"),
        ([f"--config={SHAPES}", "--config.data.image_size=20"], "data.image_size="),
        ([f"--config={SHAPES}", "--config.data.image_size=8192"], "do not fit in"),
        ([f"--config={SHAPES}", "--config.data.num_classes=11"], "num_classes"),
        ([f"--config={SHAPES}", "--config.profile=True", "--config.num_steps=4"], "profile=True"),
        (
            [f"--config={SHAPES}", "--config.data.resident=always", "--config.data.stream=True"],
            "data.resident='always'",
        ),
        ([f"--config={SHAPES}", "--config.seed=-1"], "seed"),
        ([f"--config={SHAPES}", "--config.batch_size=0"], "batch_size"),
        ([f"--config={SHAPES}", "--config.log_every=0"], "log_every"),
        ([f"--config={RING}", "--config.eval.svm_examples=9"], "no discriminator of convolutions"),
        ([f"--config={RING}", "--config.eval.classifier=x.npz"], "pictures, not points"),
        ([f"--config={SHAPES}", "--mode=sample"], "train first"),
        ([f"--config={SHAPES}", "--mode=sample", "--seed=4294967296"], "below 2**32"),
        ([f"--config={SHAPES}", "--mode=sample", "--num=0"], "at least one picture"),
        ([f"--config={SHAPES}", "--seed=43"], "--config.seed=43"),
        ([f"--config={SHAPES}", "--mode=evaluate", "--labels=disc"], "--labels: of --mode=sample"),
        ([f"--config={SHAPES}", "--part_mib=60"], "--part_mib: of --mode=archive"),
        (["--workdir=mistyped"], "no run in mistyped: there is no such folder"),
        (["--queue=any.txt", "--mode=train"], "only --only, --status and --workdir"),
        ([f"--config={SHAPES}", "--num_processes=2"], "go together"),
        ([f"--config={SHAPES}", *PLACE, "--distributed"], "leave out --coordinator"),
        ([f"--config={SHAPES}", *PLACE, "--mode=sample"], "takes one process"),
        ([f"--config={SHAPES}", "--mode=evaluate", "--distributed"], "takes one process"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(argv, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in fails(capsys, *argv)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_seeds_says_which_they_are(copied, capsys):
    copied.rename(copied.with_name("seed42"))
    line = fails(capsys, f"--workdir={copied.parent}", "--mode=evaluate")
    assert f"holds the runs seed42: name one, --workdir={copied.parent / 'seed42'}" in line


def test_a_key_added_later_does_not_orphan_a_run(copied):
    path = copied / "config.json"
    saved = json.loads(path.read_text())
    del saved["config"]["loss"]["prior_weight"]
    path.write_text(json.dumps(saved))
    assert launch.main([f"--workdir={copied}", "--mode=report"]) == 0
    assert launch.main([f"--workdir={copied}", "--mode=sample", "--num=1"]) == 0


def test_other_data_under_the_same_config_are_refused(copied, capsys):
    path = copied / "config.json"
    saved = json.loads(path.read_text())
    saved["data"]["num_train"] = 63
    path.write_text(json.dumps(saved))
    assert "num_train" in fails(capsys, f"--workdir={copied}")


def test_labels_that_do_not_exist_are_named(copied, capsys):
    line = fails(capsys, f"--workdir={copied}", "--mode=sample", "--labels=fish,arow")
    assert "arow" in line
    assert "did you mean arrow" in line
    assert not (copied / "generated").exists()


def test_a_folder_that_is_not_a_run_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert "no config.json" in fails(capsys, f"--config={SHAPES}", f"--workdir={tmp_path}")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_killed_process_left_of_a_new_workdir_is_no_run(copied, tmp_path):
    """Half of the first file, and the lock."""
    there = tmp_path / "new"
    there.mkdir()
    for name in (".config.json.77", "training.lock"):
        (there / name).touch()
    config = configs.override(configs.base(), ["seed=3"])
    workdir.check_trainable(there, config, {})
    with workdir.open_for_training(there, config, "new", {}):
        pass
    assert sorted(path.name for path in there.iterdir()) == ["config.json", "training.lock"]


def test_one_seed_s_workdir_that_is_no_run_leaves_the_others_alone(tmp_path, capsys):
    (tmp_path / "seed43").mkdir()
    (tmp_path / "seed43" / "thesis.txt").write_text("precious")
    two = ["--config.num_seeds=2", "--config.data.num_train=64", "--config.data.num_test=64"]
    said = fails(capsys, f"--config={SHAPES}", f"--workdir={tmp_path}", *two)
    assert "seed43 holds files but no run" in said
    assert [path.name for path in tmp_path.iterdir()] == ["seed43"]


@pytest.mark.parametrize("flag", [[], ["--workdir=runs/cvae_gan_shapes"]])
@pytest.mark.parametrize("link", ["samples", "generated/step3_seed0_num64"])
def test_a_link_that_leads_out_is_found_wherever_it_lies(flag, link, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "runs" / "cvae_gan_shapes" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    assert "leads out of the workdir" in fails(capsys, f"--config={SHAPES}", *flag)


def test_a_page_may_be_written_where_there_is_a_virtual_environment(tmp_path, capsys):
    (tmp_path / "README.md").write_text("No numbers.\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    assert "leads out" in fails(capsys, f"--config={SHAPES}", f"--workdir={tmp_path}")
    assert "no record" in fails(capsys, "--mode=page", f"--workdir={tmp_path}")  # and no link


def test_a_workdir_may_have_any_name(copied, tmp_path):
    odd = tmp_path / os.fsdecode(b"run\xff")
    shutil.copytree(copied, odd)
    command = [sys.executable, str(ROOT / "run.py"), f"--workdir={odd}", "--mode=report"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"run\udcff" in done.stdout


def test_an_absent_data_set_says_what_to_do(tmp_path, capsys):
    config = ROOT / "configs" / "cvae_gan_cifar100.py"
    line = fails(
        capsys, f"--config={config}", f"--config.data.dir={tmp_path}", f"--workdir={tmp_path}/run"
    )
    assert "--config.data.name=shapes" in line
    assert not (tmp_path / "run").exists()


def test_the_program_runs_without_tensorflow(trained):
    script = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from gen_jax import launch; sys.exit(launch.main(sys.argv[1:]))"
    )
    argv = [f"--workdir={trained}", "--mode=train"]  # finished: evaluates and reports again
    done = subprocess.run(
        [sys.executable, "-c", script, *argv], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("TensorBoard") == 1
