"""Everything a machine without a network needs, in a few files: `python -m gen_jax.offline`."""
