"""Deep generative models in JAX and Flax: pure functions, explicit keys, one launcher.

The package is read along one arrow; nothing on the left imports anything on the right::

    core -> data -> losses, nets -> families -> train -> evals -> report
"""

__version__ = "0.1.0"
