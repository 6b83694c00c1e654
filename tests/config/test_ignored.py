import fnmatch

import pytest

from gen_jax import config as configs
from gen_jax.config.ignored import IDLE, IGNORED
from gen_jax.errors import UserError
from gen_jax.families import FAMILIES

BASE = configs.load("configs/base.py")


@pytest.mark.parametrize(
    "settings",
    [
        ["family=vae", "loss.lambda_adv=0.3"],
        ["family=cvae_gan", "loss.free_bits=1.0"],
        ["family=cvae_gan", "encoder.dropout=0.5"],
        ["family=classifier", "ema_decay=0.9"],
        ["family=cvae_gan", "classifier.net=resnet"],
    ],
)
def test_a_key_the_family_does_not_read_is_refused(settings):
    with pytest.raises(UserError) as caught:
        configs.check_ignored(configs.override(BASE, settings), BASE)
    key, family = settings[1].split("=")[0], settings[0].split("=")[1]
    assert str(caught.value).startswith(key)
    assert f"family '{family}' does not read it" in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_defaults_are_never_refused_and_every_pattern_means_a_key(family):
    config = configs.override(BASE, [f"family={family}"])
    configs.check_ignored(config, BASE)
    for pattern in IGNORED[family]:
        assert fnmatch.filter(configs.dotted(BASE), pattern), pattern


def test_a_key_without_effect_is_refused():
    for settings, others in (
        (["loss.penalty_weight=5.0"], "loss.penalty='none'"),
        (["optimizer.decay=linear"], "optimizer.decay_epochs=0.0"),
        (["loss.info_weight=2.0"], "codes.categorical=0 and codes.continuous=0"),
        (["label_dim=8", "conditional=False"], "conditional=False"),
        (["label_dim=8", "generator.label=norm"], "family='gan' and generator.label='norm'"),
        (["generator.label=norm", "conditional=False"], "conditional=False"),
        (
            [
                "family=cvae_gan",
                "loss.adversarial_to_encoder=False",
                "loss.judge_reconstructions=False",
            ],
            "loss.judge_reconstructions=False",
        ),
        (["discriminator.hidden=8", "discriminator.net=resnet"], "discriminator.net='resnet'"),
    ):
        with pytest.raises(UserError) as caught:
            configs.check_ignored(configs.override(BASE, ["family=gan", *settings]), BASE)
        assert f"has no effect with {others}; leave it" in str(caught.value)
    coded = ["family=gan", "codes.continuous=2", "loss.info_weight=2.0"]
    configs.check_ignored(configs.override(BASE, coded), BASE)
    # A run that was made with it goes on.
    idle = configs.override(BASE, ["family=gan", "loss.penalty_weight=5.0"])
    configs.check_ignored(idle, BASE, configs.to_json(idle))
    wanted = ["family=gan", "loss.penalty=r1", "loss.penalty_weight=5.0"]
    configs.check_ignored(configs.override(BASE, wanted), BASE)


def test_every_idle_key_depends_on_a_key_that_may_have_that_value():
    declared = configs.dotted(BASE)
    for key, others in IDLE:
        assert key in declared
        for other, value in others.items():
            assert type(declared[other]) is type(value)
