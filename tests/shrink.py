"""Any config, made small enough to run in a test."""

from ml_collections import ConfigDict

FEW = {"num_train": 64, "num_test": 24}


def shrink(config: ConfigDict, steps: int = 2) -> ConfigDict:
    """The same experiment on a few 16x16 `shapes`, with two-layer nets a few channels wide."""
    config = config.copy_and_resolve_references()
    config.data.update(name="shapes", dir=None, label="label", image_size=16, **FEW)
    config.update(batch_size=16, num_steps=steps, z_dim=min(config.z_dim, 4), label_dim=4)
    config.eval_epochs = ()
    config.update(log_every=1, sample_every=steps, eval_every=steps, checkpoint_every=steps)
    for network, widths in (("encoder", (4, 8)), ("generator", (8, 4)), ("discriminator", (4, 8))):
        config[network].widths = widths
    for network in ("encoder", "generator"):
        config[network].hidden = min(config[network].hidden, 8)
    config.classifier.widths = (4, 8)
    config.eval.update(batch_size=16, examples=16, samples=20, grid_rows=3, grid_columns=4)
    config.eval.update(nll_samples=4, nll_examples=8, probe_examples=40, projection=24)
    config.eval.update(baselines=False)
    return config
