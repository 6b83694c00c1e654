"""Model families by name: `FAMILIES[config.family](config, data_spec) -> Family`."""

from gen_jax.families import classifier, cvae_gan, vae

FAMILIES = {"cvae_gan": cvae_gan.make, "vae": vae.make, "classifier": classifier.make}
