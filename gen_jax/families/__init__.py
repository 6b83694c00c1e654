"""Model families by name: `FAMILIES[config.family](config, data_spec) -> Family`."""

from gen_jax.families import classifier, cvae_gan, gan, vae

FAMILIES = {
    "cvae_gan": cvae_gan.make,
    "vae": vae.make,
    "gan": gan.make,
    "classifier": classifier.make,
}
