"""beta-VAE on dSprites: the data set disentanglement metrics were made on.

beta_vae_shapes on 64x64 black and white sprites of known shape, scale, orientation and place, with
a Bernoulli likelihood and one more convolution (Higgins et al. 2017, appendix A.1; Burgess et al.
2018).

Command: python run.py --config=configs/beta_vae_dsprites.py
Cost: a few minutes on two CPU cores for its 6,000 steps; not measured.
Result: not run yet; TFDS has to download the data set first.
"""

from ml_collections import ConfigDict

from configs.beta_vae_shapes import get_config as shapes_config


def get_config() -> ConfigDict:
    config = shapes_config()
    config.data.name = "dsprites"
    config.data.label = "label_shape"
    config.data.keep = ""
    config.data.num_train = 0
    config.data.num_test = 10_000
    config.optimizer.decay_epochs = 0.5788  # the 6,000 steps
    config.encoder.widths = (32, 32, 64, 64)
    config.generator.widths = (64, 64, 32, 32)
    config.loss.likelihood = "bernoulli"
    config.loss.beta = 4.0
    return config
