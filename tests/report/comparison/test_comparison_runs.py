"""Runs are named by folders or globs, each once; what is not a run is refused in one line."""

import json

import pytest

from gen_jax.errors import UserError
from gen_jax.report.comparison import runs
from tests.report.comparison.fabricated import content_of


def read(tmp_path, *entries, defaults=None):
    return runs.read([str(tmp_path / entry) for entry in entries], defaults or {})


def test_a_glob_gives_runs_by_name_and_passes_over_what_is_none(tmp_path, run):
    for name in ("vae_b", "vae_a", "gan"):
        run(name)
    (tmp_path / "vae_notes").mkdir()
    (tmp_path / "vae.txt").write_text("")
    members = read(tmp_path, "gan", "vae*")
    assert [member.name for member in members] == ["gan", "vae_a", "vae_b"]


def test_names_leave_out_what_all_folders_share(tmp_path, run):
    for name in ("one/a", "two/a", "b"):
        run(name)
    names = [member.name for member in read(tmp_path, "one/a", "two/a", "b")]
    assert names == ["one/a", "two/a", "b"]
    assert [member.name for member in read(tmp_path, "one/*", "two/*")] == ["one/a", "two/a"]


def test_the_step_is_that_of_the_evaluations_or_else_of_the_last_record(tmp_path, run):
    run("a")
    run("b", evals=[])
    run("c", evals=[], rows=[])
    assert [member.step for member in read(tmp_path, "*")] == [80, 80, None]
    file = tmp_path / "a" / "evals" / "reconstruction.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"step": 70}))
    assert read(tmp_path, "*")[0].step == 70


def test_an_evaluation_of_an_older_step_is_left_out_and_named(tmp_path, run):
    older = content_of("nll", {"nll": 80.0}, step=40)
    undated = content_of("probe", {"probe_accuracy": 0.5}, step=None)
    run("a", evals=[older, content_of("reconstruction", {"mse": 0.5}), undated])
    run("b", evals=[older])
    first, second = (member.run for member in read(tmp_path, "*"))
    assert [content["name"] for content in first.evals] == ["reconstruction"]
    assert first.notes == (
        "evaluation nll was left out: it is of step 40, the newest of step 80.",
        "evaluation probe was left out: it is of no known step, the newest of step 80.",
    )
    assert [content["name"] for content in second.evals] == ["nll"]
    assert second.notes == ()


def test_evaluations_without_any_step_are_all_kept(tmp_path, run):
    run("a", evals=[content_of(name, {"mse": 0.5}, step=None) for name in ("one", "two")])
    run("b")
    first, _ = read(tmp_path, "*")
    assert [content["name"] for content in first.run.evals] == ["one", "two"]
    assert first.run.notes == ()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["a", "c"], "no workdir at"),
        (["a", "empty"], "holds no run (none of config.json, metrics.jsonl, evals)"),
        (["a", "x*"], "no run matches"),
        (["a", "b", "a"], "a is named twice"),
        (["a", "*"], "a is named twice"),
        (["a", "b/../a"], "a is named twice"),
        (["a"], "at least two runs to compare, got 1"),
        ([], "at least two runs to compare, got 0"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path, run, entries, said):
    run("a")
    run("b")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        read(tmp_path, *entries)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_key_that_an_older_config_lacks_has_its_default(tmp_path, run):
    run("a", changes={"loss": {"gamma": 3.0}})
    run("b")
    (run("c") / "config.json").unlink()
    defaults = {"loss": {"gamma": 0.0, "beta": 9.0}, "n_critic": 1, "eval": {"examples": 7}}
    settings = [member.run.settings for member in read(tmp_path, "*", defaults=defaults)]
    assert [each.get("loss") for each in settings] == [
        {"beta": 1.0, "gamma": 3.0},
        {"beta": 1.0, "gamma": 0.0},
        None,
    ]
    assert [each.get("n_critic") for each in settings] == [1, 1, None]
    assert settings[0]["eval"] == {"examples": 50}
