"""Networks by name: initialised, applied, updated and averaged together."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Key

from gen_jax.core import optimizers
from gen_jax.core.state import TrainState
from gen_jax.errors import choose

Tree = Any
PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Net(NamedTuple):
    """A Linen module, the arguments it is initialised with, and its optimizer."""

    module: Any
    inputs: tuple
    optimizer: optax.GradientTransformation


class Networks:
    """A family's networks, in the order of their keys at initialisation.

    Calls with `train` use batch statistics and return the new running ones; without it they use
    the running ones. BatchNorm in training needs the axis of `parallel.pmap`.
    """

    def __init__(
        self,
        nets: Mapping[str, Net],
        ema_decay: float = 0.0,
        ema: tuple[str, ...] = (),
        init_std: float = 0.0,
        precision: str = "float32",
    ):
        """`ema` names the networks whose moving averages evaluation uses, if `ema_decay` > 0.

        `init_std` is the deviation of the normal that kernels start from; 0 leaves them what their
        layers make of them. `precision` is what networks compute in while they train.

        Raises:
          UserError: no such precision.
        """
        self._compute = choose(PRECISIONS, precision, "precision")
        self.nets, self.init_std = dict(nets), init_std
        self.ema_decay, self.ema = ema_decay, ema if ema_decay else ()

    def init(self, key: Key[Array, ""]) -> TrainState:
        """A fresh state; every network draws from its own key."""
        params, stats = {}, {}
        net_keys = jax.random.split(key, len(self.nets))
        for (name, net), net_key in zip(self.nets.items(), net_keys, strict=True):
            variables = net.module.init(net_key, *net.inputs)
            params[name] = variables["params"]
            if self.init_std:
                params[name] = _normal_kernels(params[name], net_key, self.init_std)
            stats[name] = variables.get("batch_stats", {})
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=stats,
            ema={n: {"params": params[n], "batch_stats": stats[n]} for n in self.ema},
            opt={name: net.optimizer.init(params[name]) for name, net in self.nets.items()},
            extra={},
        )

    def apply(
        self, name: str, params: Tree, stats: Tree, *args: Any, train: bool, **kwargs: Any
    ) -> tuple[Any, Tree]:
        """A network's output and new statistics; params and stats are of all networks.

        `train` becomes the module's argument after `args`. In training, `args` are converted to the
        precision of the networks and outputs back to float32; evaluation is in float32.
        """
        module = self.nets[name].module
        variables = {"params": params[name], "batch_stats": stats[name]}
        if not train:
            return module.apply(variables, *args, False, **kwargs), stats[name]
        args = _converted(args, self._compute)
        out, new = module.apply(variables, *args, True, mutable=["batch_stats"], **kwargs)
        return _converted(out, jnp.float32), new.get("batch_stats", stats[name])

    def descend(self, state: TrainState, grads: Tree, stats: Tree) -> TrainState:
        """One optimizer update of the networks that `grads` names; new statistics by name."""
        params, opt = dict(state.params), dict(state.opt)
        for n, grad in grads.items():
            params[n], opt[n] = optimizers.apply(self.nets[n].optimizer, grad, opt[n], params[n])
        return state._replace(params=params, opt=opt, batch_stats=state.batch_stats | stats)

    def update(self, state: TrainState, grads: Tree, stats: Tree) -> TrainState:
        """`descend`, then the moving averages; the end of a step."""
        state = self.descend(state, grads, stats)
        params, stats = state.params, state.batch_stats
        new = {n: {"params": params[n], "batch_stats": stats[n]} for n in self.ema}
        ema = optimizers.moving_average(state.ema, new, self.ema_decay, state.step)
        return state._replace(step=state.step + 1, ema=ema)

    def evaluated(self, state: TrainState) -> tuple[Tree, Tree]:
        """Parameters and statistics to evaluate with: the moving averages where they are kept."""
        params = {n: average["params"] for n, average in state.ema.items()}
        stats = {n: average["batch_stats"] for n, average in state.ema.items()}
        return state.params | params, state.batch_stats | stats


def _converted(tree: Tree, dtype: Any) -> Tree:
    """Floating point arrays in another precision; all others as they are."""

    def convert(leaf: Array) -> Array:
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(convert, tree)


def _normal_kernels(params: Tree, key: Key[Array, ""], std: float) -> Tree:
    """Kernels of every layer drawn from N(0, std^2) (Radford et al. 2016, section 4)."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(params)
    drawn = [
        std * jax.random.normal(jax.random.fold_in(key, i), leaf.shape)
        if path[-1].key == "kernel"
        else leaf
        for i, (path, leaf) in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, drawn)
