"""Model families by name: `FAMILIES[config.family](config, data_spec) -> Family`."""

from gen_jax.families import cvae_gan

FAMILIES = {"cvae_gan": cvae_gan.make}
