"""A study's page: filled from its runs, the same from its records, and every mistake named."""

import json

import numpy as np
import pytest
from PIL import Image

from gen_jax import launch
from gen_jax.errors import UserError
from gen_jax.report import comparison, study
from tests.report.comparison.fabricated import content_of, figures_of, log, make

PAGE = """# A study

Beta raises the error from <!-- value plain/* reconstruction/mse --><!-- /value --> to
<!-- value beta/1 reconstruction/mse -->stale<!-- /value -->.

<!-- table
columns: VAE = plain/*; beta-VAE = beta/1
rows: test MSE = reconstruction/mse
rows: inception/fid
-->
<!-- /table -->

![Samples](img/beta/1/class_grid.png)

<!-- runs beta/* plain/2 -->
anything
<!-- /runs -->
"""


@pytest.fixture
def folder(tmp_path):
    """Two models' runs, and a page without its numbers."""
    for name, beta, seed, mse in (
        ("plain/1", 1.0, 1, 0.5),
        ("plain/2", 1.0, 2, 0.7),
        ("beta/1", 4.0, 1, 0.91239),
    ):
        path = make(
            tmp_path / "runs" / name,
            seed=seed,
            changes={"loss": {"beta": beta}, "eval": {"classifier": "/home/me/judge.npz"}},
            evals=[content_of("reconstruction", {"mse": mse}, units={"mse": "KL(q)/d/n"})],
            figures=figures_of(90),
            rows=log(losses=[1 / (3 + n) for n in range(40)]),
            command="python /home/me/run.py --config=configs/vae.py --workdir=/home/x --config.a=b",
            git_commit="0123456789abcdef",
            resumed=[
                {"git_commit": "fedcba98765432", "git_dirty": True, "command": "run.py /home"}
            ],
            device_kind="cpu",
            device_count=1,
        )
        (path / "report").mkdir()
        Image.fromarray(np.full((4, 4), seed, np.uint8)).save(path / "report" / "class_grid.png")
    out = tmp_path / "docs"
    out.mkdir()
    (out / "README.md").write_text(PAGE)
    return out


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_page_holds_what_the_runs_say(folder, tmp_path):
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    text = (folder / "README.md").read_text()
    assert "from <!-- value plain/* reconstruction/mse -->0.60 ± 0.14<!-- /value --> to" in text
    assert "<!-- value beta/1 reconstruction/mse -->0.9124<!-- /value -->." in text
    assert "|  | VAE · 2 seeds | beta-VAE · 1 seed |" in text
    assert "| test MSE ↓<br><small>KL(q)/d/n</small> | 0.60 ± 0.14 | 0.9124 |" in text
    assert "| inception/fid ↓ | *not evaluated* | *not evaluated* |" in text
    assert "anything" not in text
    row = next(line for line in text.splitlines() if line.startswith("| `beta/1`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "`--config=configs/vae.py --config.a=b`"
    assert cells[2] == "`0123456789, fedcba9876+`"
    assert cells[4:8] == ["1", "1 × cpu", "80", "800"]
    assert not any(line.startswith("| `plain/1`") for line in text.splitlines())
    with Image.open(folder / "img" / "beta" / "1" / "class_grid.png") as picture:
        assert picture.getpixel((0, 0)) == 1


def test_the_records_alone_give_the_same_page_and_comparison(folder, tmp_path):
    entries = [str(tmp_path / "runs" / "*" / "*")]
    study.write(folder, entries)
    before = files(folder)
    study.write(folder)
    assert files(folder) == before
    study.write(folder, entries)
    assert files(folder) == before
    comparison.write(entries, tmp_path / "whole")
    whole = (tmp_path / "whole" / "report.md").read_bytes()
    # Pictures and all; but paths are shorter in the records.
    assert before["report.md"] == whole.replace(b"/home/me/", b"").replace(b"runs/", b"")
    assert b"KL(q)/d/n" in whole
    pictures = {name: png for name, png in before.items() if name.startswith("report/")}
    assert pictures
    assert all((tmp_path / "whole" / name).read_bytes() == png for name, png in pictures.items())


def test_a_record_names_no_folder_of_the_machine_and_keeps_seven_digits(folder, tmp_path):
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    record = folder / "records" / "beta" / "1"
    assert "/home" not in "".join(
        path.read_text() for path in record.rglob("*.json*") if path.is_file()
    )
    environment = json.loads((record / "environment.json").read_text())
    assert (
        environment["command"] == "python run.py --config=configs/vae.py --workdir=x --config.a=b"
    )
    first = json.loads((record / "metrics.jsonl").read_text().splitlines()[0])
    assert first["loss/total"] == 0.3333333


def test_folders_of_images_of_one_name_stay_two_data_sets(folder, tmp_path):
    for name, content in (("1", "aaaaaaaaaa"), ("2", "bbbbbbbbbb")):
        path = tmp_path / "runs" / "plain" / name / "config.json"
        saved = json.loads(path.read_text())
        saved["config"]["data"] = {"name": "folder", "dir": f"/data/{name}/images"}
        path.write_text(json.dumps(saved | {"data": {"train_content": content}}))
    (folder / "README.md").write_text("<!-- value plain/* reconstruction/mse -->1<!-- /value -->")
    with pytest.raises(UserError, match=r"more than the seed: data\.dir"):
        study.write(folder, [str(tmp_path / "runs" / "*" / "*")])


def test_runs_that_come_later_join_the_others_under_the_same_names(folder, tmp_path):
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    before = files(folder)
    study.write(folder, [str(tmp_path / "runs" / "plain*" / "*")])
    assert files(folder) == before


def test_an_environment_that_nobody_wrote_is_no_traceback(folder, tmp_path):
    path = tmp_path / "runs" / "plain" / "2" / "environment.json"
    for command in ("python run.py 'x", "python run.py --a=\ud800", 3, None):
        path.write_text(json.dumps({"command": command, "resumed": [3, {"command": "'"}]}))
        study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    assert "`plain/2`" in (folder / "README.md").read_text()


def test_what_a_run_no_longer_has_leaves_its_record(folder, tmp_path):
    entries = [str(tmp_path / "runs" / "*" / "*")]
    study.write(folder, entries)
    (tmp_path / "runs" / "plain" / "2" / "evals" / "figures.npz").unlink()
    study.write(folder, entries)
    assert not (folder / "records" / "plain" / "2" / "evals" / "figures.npz").exists()


def test_a_value_of_the_log(folder, tmp_path):
    marker = "<!-- value {} log/loss/total{} --><!-- /value -->"
    text = marker.format("beta/1", "") + marker.format("plain/*", "@4")
    (folder / "README.md").write_text(text)
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    filled = (folder / "README.md").read_text()
    assert "log/loss/total -->0.02381<!--" in filled
    assert "log/loss/total@4 -->0.25<!--" in filled
    for wrong in ("@5", "@x", "s"):
        (folder / "README.md").write_text(marker.format("beta/1", wrong))
        with pytest.raises(UserError, match=r"the log of beta/1 has no loss/total"):
            study.write(folder)


def test_evaluations_by_epoch(folder, tmp_path):
    for name, chosen in (("beta/1", [1, 2]), ("plain/1", [])):
        path = tmp_path / "runs" / name / "config.json"
        saved = json.loads(path.read_text())
        saved["config"] |= {"eval_epochs": chosen, "eval": {"examples": 500}}
        path.write_text(json.dumps(saved))
    (folder / "README.md").write_text("<!-- epochs beta/1 -->\nstale\n<!-- /epochs -->")
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    assert (folder / "README.md").read_text().splitlines() == [
        "<!-- epochs beta/1 -->",
        "On the first 500 test images.",
        "",
        "| epoch | step | mse |",
        "| ---: | ---: | ---: |",
        "| 1 | 40 | 0.025 |",
        "| 2 | 80 | 0.0125 |",
        "<!-- /epochs -->",
    ]
    for wrong, found in (("plain/1", "was not evaluated"), ("plain/*", "found 2")):
        (folder / "README.md").write_text(f"<!-- epochs {wrong} -->\n<!-- /epochs -->")
        with pytest.raises(UserError, match=found):
            study.write(folder)


def test_a_page_above_studies_names_their_runs_by_both(folder, tmp_path):
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    (tmp_path / "README.md").write_text(
        "<!-- value docs/beta/1 reconstruction/mse --><!-- /value -->"
    )
    before = files(folder)
    study.write(tmp_path)
    assert "0.9124" in (tmp_path / "README.md").read_text()
    assert files(folder) == before
    assert not (tmp_path / "report.md").exists()
    top = tmp_path / "top"
    (top / "docs" / "results").mkdir(parents=True)
    folder.rename(top / "docs" / "results" / "beta_study")
    (top / "README.md").write_text(
        "<!-- value beta_study/plain/* reconstruction/mse --><!-- /value -->"
    )
    study.write(top)
    assert "0.60 ± 0.14" in (top / "README.md").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- value plain/* reconstruction/mse -->1", "line 1: .*value.* is not closed"),
        (
            "<!-- value plain/1 reconstruction/mse --> prose\n"
            "<!-- value plain/2 reconstruction/mse -->1<!-- /value -->",
            "line 1: .*value.* is not closed",
        ),
        (
            "<!-- value plain/1 reconstruction/mse -->1<!-- /value -->\n0.5<!-- /value -->",
            "line 2: <!-- /value ... closes nothing",
        ),
        ("\n<!-- table -->\n<!-- /runs -->", "is closed by <!-- /runs -->"),
        ("<!-- value plain/1 -->1<!-- /value -->", "of RUNS and a QUANTITY"),
        ("<!-- value plane/1 a/b -->1<!-- /value -->", "did you mean plain/1"),
        ("<!-- value plain/1 a/b -->1<!-- /value -->", "one number wanted, found none"),
        ("<!-- value * reconstruction/mse --><!-- /value -->", "more than the seed: loss.beta"),
        ("<!-- table\ncolumns: a = plain/1\n--><!-- /table -->", "and one 'rows: ...'"),
        ("<!-- table\nlines: a\n--><!-- /table -->", "did you mean columns"),
        (
            "<!-- table\ncolumns: plain/1\nrows: a = b/c; a = d/e\n--><!-- /table -->",
            "two rows called 'a'",
        ),
        ("<!-- runs none* -->\n<!-- /runs -->", "no record of a run 'none\\*'"),
        ("![](img/plain/1/none.png)", "shows none.png of plain/1, which has no .*report/none.png"),
    ],
)
def test_a_mistake_is_named_and_leaves_the_page(folder, tmp_path, text, said):
    (folder / "README.md").write_text(text)
    with pytest.raises(UserError, match=said):
        study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    assert (folder / "README.md").read_text() == text
    assert [path.name for path in folder.iterdir()] == ["README.md"]


def test_other_protocols_are_not_one_value(folder, tmp_path):
    path = tmp_path / "runs" / "plain" / "2" / "evals" / "reconstruction.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"num_examples": 7}))
    with pytest.raises(UserError, match="found 2 of different protocols"):
        study.write(folder, [str(tmp_path / "runs" / "*" / "*")])


def test_without_a_page_or_records_it_is_one_line(tmp_path, capsys):
    assert launch.main(["--mode=page", f"--workdir={tmp_path / 'none'}"]) == 2
    assert "README.md cannot be read; write the study's text" in capsys.readouterr().err
    (tmp_path / "README.md").write_text("text")
    assert launch.main(["--mode=page", f"--workdir={tmp_path}"]) == 2
    assert "give the study's runs" in capsys.readouterr().err


def test_a_damaged_evaluation_is_no_record(folder, tmp_path):
    (tmp_path / "runs" / "plain" / "2" / "evals" / "reconstruction.json").write_text("{")
    with pytest.raises(UserError, match=r"reconstruction\.json cannot be read"):
        study.write(folder, [str(tmp_path / "runs" / "*" / "*")])


def test_records_are_those_before_if_the_new_ones_cannot_take_their_place(
    folder, tmp_path, monkeypatch
):
    study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    before, rename = files(folder), study.os.rename

    def failing(source, target):
        if str(source).endswith("records") and ".records." in str(source):
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(study.os, "rename", failing)
    (tmp_path / "runs" / "beta" / "1" / "metrics.jsonl").unlink()
    with pytest.raises(OSError, match="no"):
        study.write(folder, [str(tmp_path / "runs" / "*" / "*")])
    assert {name: content for name, content in files(folder).items() if "records" in name} == {
        name: content for name, content in before.items() if "records" in name
    }
