"""An audit passes honest runs, and names what is wrong with the others."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import gen_jax
from gen_jax import config as configs
from gen_jax import evals, launch
from gen_jax.audit import checks, circumstances, ledger
from gen_jax.audit import run as audits
from gen_jax.audit.findings import FAIL, PASS, REMARK
from gen_jax.data.batches import Batches
from gen_jax.losses import elbo
from gen_jax.train.checkpoints import Checkpoints
from tests.shrink import shrink

ROOT = Path(__file__).parents[2]
CHECKS = ["ledger", "config", "data", "code", "environment", "checkpoints", "replay"]
CHECKS += ["metrics", "evals"]
HONEST = {
    "cvae_gan": "cvae_gan_shapes",
    "vae": "vae_mnist",
    "gan": "gan_ring",
    "classifier": "classifier_mnist",
}


def few(patch):
    """Evaluates little: what is evaluated is for the tests of evaluations."""
    kept = ("reconstruction", "samples", "discrimination")
    patch.setattr(evals, "EVALS", {name: evals.EVALS[name] for name in kept})


def train(patch, workdir, name="vae_mnist", **changes):
    """A run of six steps with a line every two and a checkpoint every three."""
    load = configs.load

    def small(path):
        config = shrink(load(path), 6)
        if name == "gan_ring":
            config.data.name = "ring"
            config.data.image_size = 0
        config.update(sample_every=0, eval_every=0, checkpoint_every=3, ledger_every=2)
        config.eval.update(disentanglement=False, probe_examples=0, pca=False, projection=0)
        config.update_from_flattened_dict(changes)
        return config

    patch.setattr(configs, "load", small)
    few(patch)
    config = ROOT / "configs" / f"{name}.py"
    assert launch.main([f"--config={config}", f"--workdir={workdir}"]) == 0
    return workdir


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of images, two classes of twenty."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 8)):
        for label in ("a", "b"):
            (root / split / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / label / f"{i:02}.png")
    return root


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The workdir of an honest run on that folder."""
    with pytest.MonkeyPatch.context() as patch:
        changes = {"data.name": "folder", "data.dir": str(folder), "batch_size": 8}
        return train(patch, tmp_path_factory.mktemp("runs") / "honest", **changes)


@pytest.fixture
def copied(trained, tmp_path, monkeypatch):
    """A copy of it, to be tampered with."""
    few(monkeypatch)
    return Path(shutil.copytree(trained, tmp_path / "run"))


def findings(workdir, *flags, until=None):
    """The findings of an audit, up to and with those of a check."""
    job = launch.parse([f"--workdir={workdir}", "--mode=audit", *flags])
    found = []
    for finding in audits.audit(job):
        if until and found and found[-1].check == until != finding.check:
            break
        found.append(finding)
    return found


def failed(found):
    return {each.check: each.text for each in found if each.verdict == FAIL}


@pytest.mark.parametrize("family", HONEST)
def test_an_honest_run_of_every_family_passes(family, trained, tmp_path, monkeypatch, capsys):
    few(monkeypatch)
    workdir = trained
    if family != "vae":
        workdir = train(monkeypatch, tmp_path / "run", HONEST[family])
    assert launch.main([f"--workdir={workdir}", "--mode=audit"]) == 0
    shown = capsys.readouterr().out
    assert "pass    replay: steps 0 to 6 again: the same bits at 6 lines" in shown
    certificate = json.loads((workdir / "audit" / "certificate.json").read_text())
    assert certificate["verdict"] == "pass"
    assert {each["verdict"] for each in certificate["findings"]} == {"pass"}
    checks = [each["check"] for each in certificate["findings"]]
    assert checks == CHECKS
    page = (workdir / "audit" / "certificate.html").read_text()
    assert "Verdict: pass" in page
    assert certificate["findings"][-2]["text"] in page


def test_a_replay_may_begin_at_a_checkpoint_and_end_anywhere(trained):
    (replayed,) = (each for each in findings(trained, "--span=3:5") if each.check == "replay")
    assert (replayed.verdict, replayed.details["span"]) == (PASS, [3, 5])
    assert replayed.details["lines"] == 2


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ("2:6", "no checkpoint of step 2 to begin at; there are 0, 3, 6"),
        ("0:7", "the run went from step 0 to 6"),
        ("5:3", "the run went from step 0 to 6"),
        ("3", "two steps, such as --span=0:6"),
        ("-1:3", "two steps, such as --span=0:6"),
    ],
)
def test_a_span_that_cannot_be_replayed_is_one_line(trained, span, reason, capsys):
    assert launch.main([f"--workdir={trained}", "--mode=audit", f"--span={span}"]) == 2
    assert reason in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_flipped_bit_in_a_checkpoint_is_named_by_its_array(copied):
    files = [path for path in (copied / "checkpoints/6/state").rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    found = failed(findings(copied, "--span=0:0"))
    assert found["checkpoints"].startswith(f"checkpoint {copied / 'checkpoints/6'} is damaged")
    assert found["evals"].startswith("not compared: no intact checkpoint")


def test_a_checkpoint_of_another_run_is_not_the_state_of_the_ledger(copied, tmp_path, monkeypatch):
    data = json.loads((copied / "config.json").read_text())["config"]["data"]
    changes = {"data.name": "folder", "data.dir": data["dir"], "batch_size": 8, "seed": 7}
    other = train(monkeypatch, tmp_path / "other", **changes)
    shutil.rmtree(copied / "checkpoints/6")
    shutil.copytree(other / "checkpoints/6", copied / "checkpoints/6")
    text = failed(findings(copied, until="checkpoints"))["checkpoints"]
    assert text.startswith("checkpoint 6 is not the state of the ledger: params/encoder")


def test_an_edited_line_of_the_ledger_is_named(copied):
    path = copied / ledger.FILE
    path.write_text(path.read_text().replace('"step": 4', '"step": 5'))
    text = failed(findings(copied, until="ledger"))["ledger"]
    assert "line 6 of ledger.jsonl (step, step 5) was altered" in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"beta": 1.0', '"beta": 1.25', "loss.beta 1.0 -> 1.25"),
        ('"seed": 42', '"seed": 43', "seed 42 -> 43"),
    ],
)
def test_a_changed_config_value_and_a_changed_seed_are_named(copied, old, new, said):
    path = copied / "config.json"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    text = failed(findings(copied, until="config"))["config"]
    assert text == f"config.json is not what the run was made with: {said}"


def test_one_altered_training_image_is_named_and_the_replay_sees_it(copied, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "images")
    path = tmp_path / "images/train/b/03.png"
    pixels = np.array(Image.open(path))
    pixels[5, 5, 1] ^= 1
    Image.fromarray(pixels).save(path)
    flag = f"--config.data.dir={tmp_path / 'images'}"
    found = failed(findings(copied, flag, until="replay"))
    seen = next(step for step in range(6) if 7 in Batches(range(40), 8, seed=42).indices(step)[0])
    # b/03: classes take turns.
    assert found["data"] == f"train examples changed: 7 (first seen at step {seen + 1})"
    assert found["replay"].startswith(f"step {seen + 1} is the first line")


def test_one_altered_line_of_model_code_is_named_and_the_replay_sees_it(copied, monkeypatch):
    now = circumstances.code()
    digest = {name: "0" * 16 if name == "losses/elbo.py" else d for name, d in now.items()}
    monkeypatch.setattr(circumstances, "code", lambda: digest)
    kl = elbo.kl_standard_normal
    monkeypatch.setattr(elbo, "kl_standard_normal", lambda *args: 1.001 * kl(*args))
    found = findings(copied, until="replay")
    (code,) = (each for each in found if each.check == "code")
    assert (code.verdict, code.text) == (
        REMARK,
        "gen_jax is not what trained the run: losses/elbo.py changed",
    )
    text = failed(found)["replay"]
    assert text.startswith("step 1 is the first line that differs, step 0 the last that agrees: ")
    # The generator feels it a step later.
    assert "arrays of encoder differ, the first params/encoder/Dense_0/" in text
    assert "; checkpoint 3: params/" in text


def test_files_of_the_code_are_told_apart(tmp_path, monkeypatch):
    then = circumstances.code()
    assert "audit/circumstances.py" in then
    root = Path(shutil.copytree(Path(gen_jax.__file__).parent / "losses", tmp_path / "losses"))
    monkeypatch.setattr(gen_jax, "__file__", str(tmp_path / "__init__.py"))
    before = circumstances.code()
    with (root / "elbo.py").open("a") as file:
        file.write("# one more line\n")
    (root / "new.py").write_text("")
    (root / "matching.py").unlink()
    assert circumstances.code_changes(before, circumstances.code()) == {
        "losses/elbo.py": "changed",
        "losses/matching.py": "gone",
        "losses/new.py": "new",
    }


def test_on_other_devices_the_same_losses_within_rounding_are_a_remark(copied, monkeypatch):
    changed = {"device_kind": "'H' -> 'cpu'"}
    monkeypatch.setattr(circumstances, "environment_now", lambda begun: changed)
    kl = elbo.kl_standard_normal
    monkeypatch.setattr(elbo, "kl_standard_normal", lambda *args: 1.000001 * kl(*args))
    *_, environment, _, replayed, again = findings(copied, until="replay")
    assert environment.text == "not those of the run: device_kind 'H' -> 'cpu'"
    assert replayed.verdict == again.verdict == REMARK
    assert "on other devices or versions: the same images and keys at 6 lines" in replayed.text
    assert "within rounding: losses of the first steps to " in replayed.text
    assert again.text == "two steps from checkpoints 3: within rounding"
    monkeypatch.setattr(elbo, "kl_standard_normal", lambda *args: 1.1 * kl(*args))
    assert "replay" in failed(findings(copied, "--span=3:6", until="replay"))


def reseal(workdir, change):
    """Rewrites the whole ledger, hashes and all, with every line changed by a function."""
    previous, texts = ledger.ORIGIN, []
    for line in ledger.read(workdir).lines:
        change(line)
        line = {k: v for k, v in line.items() if k != "hash"} | {"previous": previous}
        previous = line["hash"] = ledger._hash(line)
        texts.append(json.dumps(line) + "\n")
    (workdir / ledger.FILE).write_text("".join(texts))


def test_losses_that_were_rewritten_everywhere_are_not_those_of_the_replay(copied):
    def better(line):
        if line["kind"] == "step" and "metrics" in line:
            line["metrics"]["mse"] *= 0.5

    reseal(copied, better)
    text = failed(findings(copied, "--span=3:6", until="replay"))["replay"]
    assert text.startswith("step 4 is the first line that differs")
    assert "losses by up to 0.5 of themselves (mse)" in text


def test_a_line_of_the_metrics_that_was_edited_is_named(copied):
    path = copied / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["mse"] *= 0.5
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = failed(findings(copied, until="metrics"))["metrics"]
    assert text.startswith("metrics.jsonl, step 2: mse ")


def test_a_state_that_is_not_the_runs_is_found_from_its_checkpoint_on_other_devices(
    copied, monkeypatch
):
    changed = {"device_kind": "'H' -> 'cpu'"}
    monkeypatch.setattr(circumstances, "environment_now", lambda begun: changed)
    read, spoilt = Checkpoints.restore, []

    def restore(self, target, step=None):
        state, step, record = read(self, target, step)
        spoilt.append(step)
        return state._replace(params=jax.tree.map(lambda w: 1.1 * w, state.params)), step, record

    monkeypatch.setattr(checks, "saved", lambda *args: iter(()))
    monkeypatch.setattr(Checkpoints, "restore", restore)
    text = failed(findings(copied, until="replay"))["replay"]
    assert text.startswith("from checkpoint 3: ")
    assert spoilt[0] == 3


def test_an_edited_evaluation_is_named_by_its_number(copied):
    path = copied / "evals/reconstruction.json"
    content = json.loads(path.read_text())
    content["values"]["mse"] *= 0.9
    path.write_text(json.dumps(content))
    text = failed(findings(copied, "--span=0:0"))["evals"]
    assert text.startswith("evals/reconstruction.json: values.mse ")


def test_files_may_lie_elsewhere_when_a_run_is_audited(copied, tmp_path):
    place = f"--config.eval.cache={tmp_path / 'elsewhere'}"
    found = findings(copied, "--span=0:0", place)
    (evaluated,) = (each for each in found if each.check == "evals" and each.verdict == PASS)
    assert "reconstruction" in evaluated.text


def test_a_run_without_a_ledger_cannot_be_audited(copied, capsys):
    (copied / ledger.FILE).unlink()
    assert launch.main([f"--workdir={copied}", "--mode=audit"]) == 2
    assert "nothing to audit" in capsys.readouterr().err


def test_two_runs_are_compared_down_to_the_step_and_the_array(
    trained, tmp_path, monkeypatch, capsys
):
    data = json.loads((trained / "config.json").read_text())["config"]["data"]
    changes = {"data.name": "folder", "data.dir": data["dir"], "batch_size": 8}
    other = train(monkeypatch, tmp_path / "other", **changes, **{"loss.beta": 2.0})
    flags = ["--mode=audit", f"--runs={trained},{other}", f"--workdir={tmp_path / 'pair'}"]
    assert launch.main(flags) == 1
    content = json.loads((tmp_path / "pair/certificate.json").read_text())
    found = {each["check"]: each for each in content["findings"]}
    assert found["config"]["text"] == "loss.beta 1.0 -> 2.0"
    assert found["data"]["text"] == found["code"]["text"] == "the same"
    assert found["ledgers"]["details"] == {"same": 0, "differs": 1, "streams": []}
    assert found["replay"]["details"]["step"] == 1
    assert "they part at step 1, in " in found["replay"]["text"]
    assert launch.main([*flags[:1], f"--runs={trained},{trained}", flags[2]]) == 0
    assert "the same bits at all 7 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--runs=a,b"], "say where to write"),
        (["--runs=a,b", "--workdir=out"], "no run in a"),
        (["--workdir=nowhere"], "no run in nowhere: there is no such folder"),
        (["--runs=a", "--workdir=out", "--config=configs/vae_mnist.py"], "leave out --config"),
    ],
)
def test_a_mistaken_command_is_one_line(argv, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert launch.main(["--mode=audit", *argv]) == 2
    assert reason in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_span_is_only_for_audits(trained, capsys):
    assert launch.main([f"--workdir={trained}", "--span=0:3"]) == 2
    assert "only --mode=audit replays steps" in capsys.readouterr().err
