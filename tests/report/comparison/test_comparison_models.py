"""Runs that differ in the seed alone are one model; labels say what sets models apart."""

import itertools
import json

import pytest

from gen_jax.errors import UserError
from gen_jax.report.comparison import models, runs


def labels(found):
    return [model.label for model in found]


def test_seeds_of_one_config_are_one_model(run, grouped):
    for name, seed, beta in (("a", 3, 1.0), ("b", 1, 1.0), ("c", 2, 4.0), ("d", 2, 1.0)):
        run(name, seed=seed, changes={"loss": {"beta": beta}})
    first, second = grouped()
    assert [member.name for member in first.members] == ["b", "d", "a"]  # by seed
    assert [member.name for member in second.members] == ["c"]
    assert labels((first, second)) == ["vae, beta 1.0", "vae, beta 4.0"]
    assert first.colour != second.colour
    assert "seed" not in first.settings
    assert first.settings["loss.beta"] == 1.0


PLACES = [
    {"eval": {"cache": "a"}},
    {"data": {"cache": "a"}},
    {"eval": {"classifier": "a.npz"}},
    {"eval": {"inception_weights": "a.npz"}},
    {"perceptual": {"weights": "a.npz"}},
    {"data": {"dir": "a"}},
    {"data": {"stream": True}},
    {"data": {"resident": "no"}},
]


@pytest.mark.parametrize("place", PLACES)
def test_how_a_machine_finds_files_does_not_part_the_seeds_of_a_model(run, grouped, place):
    run("a", seed=1)
    run("b", seed=2, changes=place)
    run("c", seed=1, changes={"loss": {"beta": 4.0}})
    first, second = grouped()
    assert [member.name for member in first.members] == ["a", "b"]
    assert labels((first, second)) == ["vae, beta 1.0", "vae, beta 4.0"]


def test_another_folder_of_images_is_another_model(run, grouped):
    for seed, folder in ((1, "one"), (2, "two"), (3, "one")):
        run(f"{seed}", seed=seed, changes={"data": {"name": "folder", "dir": folder}})
    first, second = grouped()
    assert [member.name for member in first.members] == ["1", "3"]
    assert labels((first, second)) == ["vae, dir one", "vae, dir two"]


def test_other_images_under_one_name_are_another_model(run, grouped):
    for seed, digest in ((1, "ab"), (2, "cd"), (3, "ab")):
        file = run(f"{seed}", seed=seed) / "config.json"
        data = {"data": {"train_content": digest}}
        file.write_text(json.dumps(json.loads(file.read_text()) | data))
    first, second = grouped()
    assert [member.name for member in first.members] == ["1", "3"]
    assert labels((first, second)) == ["vae, content ab", "vae, content cd"]


def test_a_run_that_began_under_another_config_is_another_model(run, grouped):
    for seed, earlier in ((1, {}), (2, {"earlier": [{"loss.beta": 4.0}]}), (3, {})):
        file = run(f"{seed}", seed=seed) / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | earlier))
    first, second = grouped()
    assert [member.name for member in first.members] == ["1", "3"]
    assert [member.name for member in second.members] == ["2"]


def test_networks_of_a_perceptual_loss_are_known_by_their_digests(run, grouped):
    for seed, digest in ((1, "ab"), (2, "cd"), (3, "ab")):
        weights = {"perceptual": {"weights": f"{seed}.npz"}}
        file = run(f"{seed}", seed=seed, changes=weights) / "config.json"
        data = {"data": {"perceptual_weights": digest}}
        file.write_text(json.dumps(json.loads(file.read_text()) | data))
    first, second = grouped()
    assert [member.name for member in first.members] == ["1", "3"]
    assert labels((first, second)) == ["vae, weights ab", "vae, weights cd"]


def test_models_are_the_same_in_any_order_of_the_runs(tmp_path, run):
    for name, seed, beta in (("a", 1, 1.0), ("b", 2, 1.0), ("c", 1, 4.0), ("d", 2, 4.0)):
        run(name, seed=seed, changes={"loss": {"beta": beta}})
    found = set()
    for order in itertools.permutations("abcd"):
        members = runs.read([str(tmp_path / name) for name in order], {})
        groups = ((m.label, tuple(e.name for e in m.members)) for m in models.group(members))
        found.add(frozenset(groups))
    assert found == {frozenset({("vae, beta 1.0", ("a", "b")), ("vae, beta 4.0", ("c", "d"))})}


def test_the_same_config_and_seed_twice_is_no_second_seed(run, grouped):
    run("a", seed=1)
    run("b", seed=1)
    with pytest.raises(UserError, match=r"b repeats a \(the same config and seed 1\)"):
        grouped()


def test_seeds_at_different_steps_have_no_common_mean(run, grouped):
    run("a", seed=1)
    run("b", seed=2, evals=[], rows=[{"step": 6, "wall": 1.0, "kind": "train"}])
    assert labels(grouped()) == ["vae, at step 80", "vae, at step 6"]


def test_runs_without_a_config_are_models_of_their_own(run, grouped):
    for name in ("a", "b"):
        (run(name) / "config.json").unlink()
    found = grouped()
    assert labels(found) == ["a", "b"]
    assert found[0].settings == {}


def test_a_label_needs_no_more_than_the_name_where_that_is_unique(run, grouped):
    run("a", name="vae")
    run("b", name="gan", changes={"family": "gan"})
    assert labels(grouped()) == ["vae", "gan"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"encoder": {"lr": 0.1}, "generator": {"lr": 0.2}},
            "vae, encoder.lr 0.1, generator.lr 0.2",
        ),
        ({"eval": {"examples": 9}, "n": 1}, "vae, examples 9, n 1"),
        ({"a": 1, "b": 1, "c": 1, "d": 1}, "vae, b"),  # too much to say: the folder's name
        ({"note": "long " * 12}, "b"),
    ],
)
def test_labels_say_what_differs_as_briefly_as_can_be(run, grouped, changes, expected):
    none = {"encoder": {"lr": None}, "generator": {"lr": None}}
    none |= dict.fromkeys(("a", "b", "c", "d", "n", "note"))
    run("a", changes=none)
    run("b", changes=none | changes)
    assert labels(grouped())[1] == expected


def test_labels_that_would_be_equal_give_way_to_folders(run, grouped):
    # Named like another's label on purpose.
    run("a", name="vae, beta 4.0", changes={"loss": {"beta": 2.0}})
    run("b", changes={"loss": {"beta": 1.0}})
    run("c", changes={"loss": {"beta": 4.0}})
    assert labels(grouped()) == ["a", "b", "c"]


def test_keys_differ_where_one_config_lacks_them_or_has_another_value():
    configs = [{"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "c": None, "d": 0}, {"a": 1, "b": 2}]
    assert models.differing(configs) == ["b", "c", "d"]
