"""A run's programs that use random keys, each with all that it does with them."""

from itertools import count

import jax
import jax.numpy as jnp
import numpy as np

from gen_jax.audit.key_uses import key_uses, replay
from gen_jax.core import keys, parallel
from gen_jax.data.spec import ArraySplit, DataSpec
from gen_jax.evals import denoising, latents, nll
from gen_jax.evals.figures import codes
from gen_jax.evals.model import Model
from gen_jax.train.steps import on_device

SPEC = DataSpec("tiny", (16, 16, 3), 3, tuple("abc"), 64)
DEVICES, STEPS, EXAMPLES = 2, 2, 4


class Recorder:
    """In the place of `jax.jit`: walks what is called, call by call, and answers with zeros.

    Attributes:
        programs: uses by "function compilation call", the last two as numbers.
        suffix: of the functions' names, to tell what they are called for.
    """

    def __init__(self):
        self.programs, self.suffix = {}, ""
        self._inside, self._compilations, self._calls = False, count(), count()

    def jit(self, function):
        trace, compilation = jax.make_jaxpr(function, return_shape=True), next(self._compilations)

        def call(*args):
            if self._inside:
                return function(*args)
            self._inside = True
            jaxpr, out = trace(*args)
            self._inside = False
            self.add(f"{function.__name__}{self.suffix} {compilation}", replay(jaxpr, *args))
            return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), out)

        return call

    def add(self, name, uses):
        self.programs[f"{name} {next(self._calls)}"] = uses


def training(config, family, devices=DEVICES, steps=STEPS):
    """(uses by program, which are "init" and steps; shapes of the state)."""
    lead = (devices, family.draws, config.batch_size // devices)
    batch = {
        "image": jax.ShapeDtypeStruct((*lead, *SPEC.shape), jnp.uint8),
        "label": jax.ShapeDtypeStruct(lead, jnp.int32),
    }
    init = lambda: family.init(keys.stream(config.seed, "init"))  # noqa: E731

    def step(state, batch):
        # In the place of `pmap`: one jaxpr of several devices, all of which have the same state.
        of_all = jax.vmap(on_device(family, config), (None, 0, None), axis_name=parallel.AXIS)
        return of_all(state, batch, jax.random.key_data(keys.stream(config.seed, "noise")))

    start, state = jax.make_jaxpr(init, return_shape=True)()
    traced = jax.make_jaxpr(step)(state, batch)
    uses = {"init": replay(start)}
    for number in range(steps):
        uses[f"step {number}"] = replay(traced, state._replace(step=np.int32(number)), batch)
    return uses, state


def split():
    images = np.random.default_rng(0).integers(0, 256, (EXAMPLES, *SPEC.shape), np.uint8)
    return ArraySplit(SPEC, images, np.arange(EXAMPLES) % 3)


def evaluating(config, family, state, monkeypatch):
    """Uses by program: every compiled function that evaluations and pictures draw with."""
    recorder, derive = Recorder(), Model.keys
    model = Model(family, state, config, split(), split(), 0)
    derived = []

    def derive_recorded(self, *args):
        # Whoever wants an example's key derives it from the root: once is as good as twice.
        derived.extend(key_uses(lambda: derive(self, *args)))
        return derive(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(jax, "jit", recorder.jit)
        patch.setattr(Model, "keys", derive_recorded)
        model.metrics(EXAMPLES)
        labels, recorder.suffix = np.arange(EXAMPLES) % 3, "_training"
        model.observed(model.train, np.arange(EXAMPLES))
        recorder.suffix = ""
        if family.sample:
            model.sample(labels)
            model.sample(labels, first=EXAMPLES)
            model.sample(labels, seed=config.seed + 1)
        if family.prior:
            codes.prior(model, labels)
        if family.log_px:
            nll.evaluate(model)
        if family.encode:
            denoising.evaluate(model)
    if family.encode:
        shape = (EXAMPLES, config.z_dim)
        recorder.add("noise", key_uses(lambda: latents.noise(model, shape)))
    return recorder.programs | {"keys": list(dict.fromkeys(derived))}
