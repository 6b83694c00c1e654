"""A config against the base that declares its keys, and against the run it resumes."""

import pytest
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from gen_jax import config
from gen_jax.errors import UserError


def base() -> ConfigDict:
    return ConfigDict(
        {
            "num_epochs": 20.0,
            "loss": {"beta": 0.2, "lambda_adv": 0.1},
            "net": {"widths": (64, 128)},
            "data": {"dir": placeholder(str), "name": "shapes"},
            "eval": {"samples": 100},
        }
    )


def test_a_variant_with_other_values_agrees_with_its_base():
    variant = base()
    variant.loss.beta = 4
    variant.net.widths = (8,)
    variant.data.dir = "/data"
    config.check_against_base(variant, base())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("loss.betta", 1.0, "no config key loss.betta; did you mean loss.beta?"),
        ("beta", 1.0, "no config key beta; did you mean loss.beta?"),
        ("loss.beta", None, "config key loss.beta expects a float, got None"),
        ("net.widths", None, "config key net.widths expects a tuple, got None"),
    ],
)
def test_a_key_or_value_the_base_does_not_know_is_named(path, value, message):
    variant = base()
    *sections, name = path.split(".")
    owner = variant
    for section in sections:
        owner = owner[section]
    owner[name] = value
    with pytest.raises(UserError) as caught:
        config.check_against_base(variant, base())
    assert str(caught.value) == message


def test_a_config_made_from_nothing_lacks_keys():
    with pytest.raises(UserError, match=r"the config lacks data\.dir, .*num_epochs; start it from"):
        config.check_against_base(ConfigDict({"loss": {"beta": 0.2}}), base())


def test_resuming_with_the_same_config_or_a_longer_run_is_fine():
    saved = config.to_json(base())
    config.check_resume(saved, base(), "runs/x")
    longer = config.override(base(), ["num_epochs=40", "data.dir=/elsewhere", "eval.samples=1"])
    config.check_resume(saved, longer, "runs/x")


def test_resuming_another_training_lists_what_differs_and_what_may():
    other = config.override(
        base(), ["loss.beta=0.5", "net.widths=8,", "num_epochs=2", "data.name=mnist"]
    )
    with pytest.raises(UserError) as caught:
        config.check_resume(config.to_json(base()), other, "runs/x")
    message = str(caught.value)
    assert message.startswith(
        "workdir runs/x was made by another config: data.name 'shapes' -> 'mnist', "
        "loss.beta 0.2 -> 0.5, net.widths [64, 128] -> [8]; use another --workdir"
    )
    assert message.endswith("(may change on resume: data.dir, eval.*, num_epochs)")


def test_keys_that_came_or_went_since_differ():
    saved = config.to_json(base())
    saved["loss"]["old"] = saved["loss"].pop("lambda_adv")
    with pytest.raises(UserError, match=r"loss\.lambda_adv \(absent\) -> 0\.1") as caught:
        config.check_resume(saved, base(), "runs/x")
    assert "loss.old 0.1 -> (absent)" in str(caught.value)


def test_an_int_saved_for_a_float_of_the_same_value_is_no_difference():
    saved = config.to_json(base())
    saved["loss"]["beta"] = 1
    config.check_resume(saved, config.override(base(), ["loss.beta=1.0"]), "runs/x")
