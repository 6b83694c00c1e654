import pytest

from gen_jax import config as configs
from gen_jax.errors import UserError

BASE = configs.load("configs/base.py")


def test_the_defaults_are_in_range():
    configs.check_values(BASE)


@pytest.mark.parametrize(
    "setting",
    [
        "batch_size=0",
        "seed=-1",
        "seed=4294967296",
        "generator.lr=0",
        "loss.beta=-0.1",
        "ema_decay=1.0",
        "optimizer.b1=-0.5",
        "num_epochs=-1",
        "encoder.dropout=1.0",
        "eval_epochs=5,-1",
        "loss.num_samples=0",
        "classifier.blocks=0",
    ],
)
def test_a_number_out_of_range_is_named(setting):
    with pytest.raises(UserError, match=setting.split("=")[0]):
        configs.check_values(configs.override(BASE, [setting]))


@pytest.mark.parametrize("setting", ["eval_every=0", "loss.lambda_adv=0", "seed=4294967295"])
def test_zero_is_fine_where_it_means_off(setting):
    configs.check_values(configs.override(BASE, [setting]))
