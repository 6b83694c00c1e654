"""Sample quality as arithmetic on features or images: NumPy and SciPy, no network and no file.

Sums are in float64, and a number does not depend on the size of blocks or on how many threads
there are.
"""

from gen_jax.metrics.estimate import Estimate, Repeated

__all__ = ["Estimate", "Repeated"]
