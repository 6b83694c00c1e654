"""beta-VAE on the embedded `shapes`: disentanglement where the truth is known.

One shape (the heart) in every colour, size, rotation, place and sky: six factors that vary
smoothly. Beta is 10 on a Gaussian likelihood with sigma^2 = 1/2 (summed squared error plus 10 KL),
z has ten dimensions, of which six are needed. The evaluation scores the code against the factors,
and pixels, PCA, ICA and the untrained encoder beside it.

Other objectives: --config.loss.beta=1 is the VAE, --config.loss.objective=tcvae the beta-TCVAE.
FactorVAE, whose step takes two batches, needs more: --config.loss.objective=factor
--config.loss.beta=1 --config.loss.gamma=20 --config.optimizer.decay_epochs=3.84
--config.discriminator.widths=256,256,256,256 --config.discriminator.lr=1e-3.
--config.data.keep= with nothing after it brings back all ten shapes, a harder problem.

Command: python run.py --config=configs/beta_vae_shapes.py
Cost: 6,000 steps, a minute and a half on two CPU cores, and the scores of the baselines as much.
Result: Higgins score 0.975 +- 0.037, MIG 0.32 +- 0.14 over three seeds (the VAE: 0.958 and 0.11);
colour, sky, x, y and size have a dimension each, rotation none; docs/results/survey.
"""

from ml_collections import ConfigDict

from configs.base import get_config as base_config


def get_config() -> ConfigDict:
    config = base_config()
    config.family = "vae"
    config.conditional = False
    config.data.name = "shapes"
    config.data.keep = "shape=heart"
    config.data.num_train = 200_000
    config.data.num_test = 10_000
    config.batch_size = 64
    config.num_steps = 6000
    config.z_dim = 10
    config.encoder.update(widths=(32, 32, 64), hidden=256, norm="none", lr=1e-3)
    config.generator.update(widths=(64, 32, 32), hidden=256, norm="none", lr=1e-3)
    config.optimizer.b1 = 0.9
    config.optimizer.decay_epochs = 1.92  # the 6,000 steps
    config.loss.beta = 10.0
    config.eval.baselines = True
    return config
