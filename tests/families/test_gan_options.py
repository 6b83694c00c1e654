"""What a GAN's config may not ask for, and that the refusal says why."""

import pytest

from gen_jax.data.spec import DataSpec
from gen_jax.errors import UserError
from gen_jax.families import gan

GAN = {"family": "gan", "conditional": False, "generator.norm": "batch"}
SENSELESS = {
    "penalty and batch norm": (
        {"loss.penalty": "wgan_gp", "discriminator.norm": "batch"},
        "batch norm makes its output depend on the others",
    ),
    "penalty and minibatch discrimination": (
        {"loss.penalty": "r1", "discriminator.minibatch": "discrimination"},
        "makes its output depend on the others",
    ),
    "penalty and minibatch stddev": (
        {"loss.penalty": "dragan", "discriminator.minibatch": "stddev"},
        "makes its output depend on the others",
    ),
    "spectral and batch norm": (
        {"discriminator.spectral_norm": True, "discriminator.norm": "batch"},
        "undoes it",
    ),
    "spectral and layer norm": (
        {
            "discriminator.spectral_norm": True,
            "discriminator.norm": "layer",
            "discriminator.widths": (4, 4),
        },
        "discriminator.norm='layer' divides by a deviation, which undoes it",
    ),
    "a norm of no layer": (
        {"discriminator.norm": "batch"},
        r"never of the first layer, and discriminator.widths=\(4,\) has no other",
    ),
    "a penalty of no weight": (
        {"loss.penalty": "r1", "loss.penalty_weight": 0.0},
        "loss.penalty='r1' with loss.penalty_weight=0 is no penalty",
    ),
    "an unbounded critic": ({"loss.adversarial": "wasserstein"}, "bounded slope"),
    "two bounds": (
        {"loss.adversarial": "wasserstein", "discriminator.clip": 0.1, "loss.penalty": "wgan_gp"},
        "bound the critic's slope twice",
    ),
    "smoothed hinge": ({"loss.adversarial": "hinge", "loss.real_label": 0.9}, "real_label"),
    "labels the wrong way round": ({"loss.real_label": 0.1, "loss.fake_label": 0.9}, "label"),
    "one batch of a norm over it": (
        {
            "discriminator.one_pass": True,
            "discriminator.norm": "batch",
            "discriminator.widths": (4, 4),
        },
        "one_pass.*discriminator.norm='batch'",
    ),
    "one batch of statistics of it": (
        {"discriminator.one_pass": True, "discriminator.minibatch": "stddev"},
        "one_pass.*discriminator.minibatch='stddev'",
    ),
    "auxiliary without labels": ({"discriminator.label": "auxiliary"}, "conditional=False"),
    "packs of labels": ({"discriminator.pack": 2, "conditional": True}, "discriminator.pack"),
    "packs of a code": ({"discriminator.pack": 2, "codes.categorical": 3}, "no codes"),
    "packs of a number": ({"discriminator.pack": 2, "codes.continuous": 1}, "no codes"),
    "packs that do not divide": ({"discriminator.pack": 3}, "batch_size=8"),
    "a code of one value": ({"codes.categorical": 1}, "codes.categorical=1"),
    "an unknown policy": ({"discriminator.augment": ("colour",)}, "did you mean color"),
    "a policy that is no name": (
        {"discriminator.augment": (1,)},
        "discriminator.augment='1' is not known",
    ),
    "an unknown penalty": ({"loss.penalty": "wgangp"}, "did you mean wgan_gp"),
    "an unknown game": ({"loss.adversarial": "bce"}, "loss.adversarial='bce'"),
    "an unknown optimizer": ({"optimizer.name": "adamw"}, "did you mean adam"),
    "an unknown decay": ({"optimizer.decay": "exponential"}, "optimizer.decay"),
    "an unknown activation": ({"generator.activation": "gelu"}, "generator.activation"),
    "an unknown norm": (
        {"discriminator.norm": "instance", "discriminator.widths": (4, 4)},
        "discriminator.norm='instance' is not known",
    ),
    "a head that learns nothing": (
        {"codes.categorical": 3, "loss.info_weight": 0.0},
        "loss.info_weight=0 leaves a head",
    ),
    "packs that overlap": (
        {"discriminator.pack": 2, "discriminator.minibatch": "discrimination"},
        "the same cure twice",
    ),
    "classes left out": ({"data.train_classes": (1,)}, "held against a GAN's samples"),
    "attention nowhere": ({"discriminator.attention": 16}, "have sides 4"),
    "attention in a dense net": (
        {"generator.net": "dense", "generator.norm": "none", "generator.attention": 4},
        "has no maps",
    ),
}


@pytest.mark.parametrize("case", SENSELESS)
def test_what_makes_no_sense_is_refused_with_the_reason(tiny, case):
    overrides, reason = SENSELESS[case]
    with pytest.raises(UserError, match=reason) as caught:
        tiny.make(**(GAN | overrides))
    assert "\n" not in str(caught.value)


POINTS = DataSpec("ring", (1, 1, 2), 2, ("a", "b"), 32, modes=((2.0, 0.0), (-2.0, 0.0)))


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"discriminator.augment": ("color",), "discriminator.net": "dense"}, "points"),
        ({"discriminator.net": "resnet"}, "discriminator.net='resnet' takes pictures, not points"),
        ({"discriminator.net": "conv"}, "discriminator.net='conv' takes pictures"),
        ({"discriminator.net": "dense", "generator.net": "conv"}, "generator.net='conv' takes"),
    ],
)
def test_points_take_dense_networks_and_no_augmentation(tiny, overrides, reason):
    dense = {"generator.net": "dense", "generator.norm": "none"}
    with pytest.raises(UserError, match=reason):
        gan.make(tiny.config(**(GAN | dense | overrides)), POINTS)
