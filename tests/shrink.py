"""Any config, made small enough to run in a test."""

import pytest
from ml_collections import ConfigDict

from gen_jax import modes

FEW = {"num_train": 64, "num_test": 24}


def shrink(config: ConfigDict, steps: int = 2) -> ConfigDict:
    """The same experiment on a few 16x16 `shapes`, with two-layer nets a few channels wide."""
    config = config.copy_and_resolve_references()
    config.data.update(name="shapes", dir=None, label="label", image_size=16, **FEW)
    config.update(batch_size=16, num_steps=steps, eval_epochs=())
    config.update(log_every=1, sample_every=steps, eval_every=steps, checkpoint_every=steps)
    config.ledger_every = 0
    # What a family does not read stays as it is: setting it is an error.
    if config.family in ("cvae_gan", "classifier"):
        config.classifier.widths = (4, 8)
    if config.family in ("cvae_gan", "vae"):
        config.encoder.update(widths=(4, 8), hidden=min(config.encoder.hidden, 8))
    if config.family in ("cvae_gan", "gan") and config.discriminator.net != "resnet":
        config.discriminator.hidden = min(config.discriminator.hidden, 8)
    if config.family == "gan":
        config.n_critic = min(config.n_critic, 2 if steps > 2 else 1)
    if config.family != "classifier":
        config.z_dim = min(config.z_dim, 4)
        if config.conditional and (config.family != "gan" or config.generator.label == "input"):
            config.label_dim = 4
        config.generator.update(widths=(8, 4), hidden=min(config.generator.hidden, 8))
        config.discriminator.widths = (4, 8)
    config.eval.update(batch_size=16, examples=16, samples=20, grid_rows=3, grid_columns=4)
    config.eval.update(nll_samples=4, nll_examples=8, probe_examples=40, projection=24)
    config.eval.update(baselines=False, inversions=0)
    return config


def only_train(patch: pytest.MonkeyPatch) -> None:
    """Leaves out the evaluation and the report after a training, which take longer."""
    patch.setattr(modes, "_evaluate", lambda job, model: None)
    patch.setattr(modes, "_report", lambda job: None)
