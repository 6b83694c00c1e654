"""Every use of a random key in a function, by value, read from its jaxpr.

The jaxpr is walked equation by equation into every call, and only what a key's value follows from
is computed: no network runs. Values tell equal keys apart from equal names, so that raw keys, keys
derived twice and one key given to two modules all show; JAX's own checker sees none of these.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

KINDS = {
    "random_bits": "draw",
    "random_gamma": "draw",
    "threefry2x32": "draw",
    "rng_bit_generator": "draw",
    "random_split": "split",
    "random_fold_in": "fold",
}
HARMLESS = ("random_seed", "random_wrap", "random_unwrap", "random_clone")
CALLS = (
    *("jit", "pjit", "closed_call", "core_call"),
    *("remat", "remat2", "checkpoint"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"),
)
LIBRARIES = tuple(f"{package.__path__[0]}/" for package in (jax, jaxlib, flax))


class Use(NamedTuple):
    """One key used once.

    Attributes:
      key: implementation and words in hexadecimal; equal for equal keys, typed or raw.
      kind: "draw" (of bits), "split" or "fold" (`fold_in`).
      data: what was folded in; None otherwise.
      where: "file.py:line function" of the program's own frames, innermost first.
    """

    key: str
    kind: str
    data: int | None
    where: tuple[str, ...]


def key_uses(function: Callable, *args: Any) -> list[Use]:
    """Every use of a key when `function(*args)` runs; see `replay` for arguments and errors."""
    return replay(jax.make_jaxpr(function)(*args), *args)


def replay(jaxpr: ClosedJaxpr, *args: Any) -> list[Use]:
    """The same for a function already traced, on any arguments of the traced shapes.

    A batch of keys is one use of each; a draw under `vmap` of a key without a batch axis is one
    use, as it is one draw. What `jax.checkpoint` computes again in a backward pass is not used
    again. Arguments that no key depends on may be `jax.ShapeDtypeStruct`.

    Raises:
      NotImplementedError: keys are used in a loop or branch whose length or outcome the jaxpr does
        not tell (`while_loop`, `cond`), on several devices (walk a `vmap` instead), or by a random
        primitive that is not known here.
      ValueError: a key depends on an argument of which only the shape is given.
    """
    walker = _Walker()
    walker.walk(jaxpr, jax.tree.leaves(args))
    return walker.uses


class _Call:
    """An equation that is computed when a key turns out to depend on it."""

    def __init__(self, run: Callable, inputs: Sequence[Any]):
        self.run, self.inputs = run, inputs
        self.outputs: Sequence[Any] | None = None


class _Output(NamedTuple):
    call: _Call
    position: int


def _compute(value: Any) -> Any:
    """The array itself, after all it depends on; without recursion, which long chains exceed."""
    stack = [value.call] if isinstance(value, _Output) else []
    while stack:
        call = stack[-1]
        pending = [x.call for x in call.inputs if isinstance(x, _Output) and x.call.outputs is None]
        if pending:
            stack.extend(pending)
            continue
        stack.pop()
        call.outputs = call.run(*map(_known, call.inputs))
    return _known(value)


def _known(value: Any) -> Any:
    if isinstance(value, _Output):
        assert value.call.outputs is not None
        return value.call.outputs[value.position]
    if isinstance(value, jax.ShapeDtypeStruct):
        raise ValueError(f"a key depends on an argument given as a shape only: {value}")
    return value


class _Walker:
    """Walks jaxprs and collects `uses`."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.repeats = 0  # how many enclosing calls only compute again what was computed before

    def walk(
        self, jaxpr: ClosedJaxpr | Jaxpr, args: Sequence[Any], caller: JaxprEqn | None = None
    ) -> list:
        """Its outputs, uncomputed; all inside counts as asked for by `caller`, if there is one."""
        body, consts = jaxpr, ()
        if isinstance(jaxpr, ClosedJaxpr):
            body, consts = jaxpr.jaxpr, jaxpr.consts
        values = dict(zip((*body.constvars, *body.invars), (*consts, *args), strict=True))

        def read(atom: Any) -> Any:
            return atom.val if isinstance(atom, Literal) else values[atom]

        for equation in body.eqns:
            outputs = self._equation(equation, [read(atom) for atom in equation.invars], caller)
            values.update(zip(equation.outvars, outputs, strict=True))
        return [read(atom) for atom in body.outvars]

    def _equation(self, equation: JaxprEqn, inputs: list, caller: JaxprEqn | None) -> list:
        primitive, params = equation.primitive, equation.params
        name, bodies = primitive.name, list(_bodies(params))
        if name in CALLS:
            again = bool(params.get("differentiated"))
            self.repeats += again
            # What JAX's own functions hold is cached from whoever called them first.
            by_library = caller is None and _of_library(bodies[0])
            outputs = self.walk(bodies[0], inputs, equation if by_library else caller)
            self.repeats -= again
            return outputs
        if any(map(_is_random, bodies)):
            if name == "scan":
                return self._scan(params, inputs, caller)
            raise NotImplementedError(f"random keys inside {name!r}, at {_frames(equation)[0]}")
        if name in KINDS:
            self._record(KINDS[name], inputs, caller or equation)
        elif name.startswith(("random_", "rng_")) and name not in HARMLESS:
            raise NotImplementedError(f"unknown random primitive {name!r}, {_frames(equation)[0]}")

        def run(*known: Any) -> Sequence[Any]:
            out = primitive.bind(*known, **params)
            return out if primitive.multiple_results else [out]

        call = _Call(run, inputs)
        return [_Output(call, index) for index in range(len(equation.outvars))]

    def _scan(self, params: dict[str, Any], inputs: list, caller: JaxprEqn | None) -> list:
        first, length = params["num_consts"], params["length"]
        second = first + params["num_carry"]
        consts, carry, xs = inputs[:first], inputs[first:second], inputs[second:]
        order = range(length)[::-1] if params["reverse"] else range(length)
        rows: dict[int, list] = {}
        for i in order:
            now = [_Output(_Call(lambda x, i=i: [x[i]], [x]), 0) for x in xs]
            outputs = self.walk(params["jaxpr"], [*consts, *carry, *now], caller)
            carry, rows[i] = outputs[: len(carry)], outputs[len(carry) :]
        columns = zip(*(rows[i] for i in range(length)), strict=True)
        stacked = [_Call(lambda *parts: [jnp.stack(parts)], column) for column in columns]
        return [*carry, *(_Output(call, 0) for call in stacked)]

    def _record(self, kind: str, inputs: list, asking: JaxprEqn) -> None:
        if self.repeats:
            return
        keys: Any = _compute(inputs[0])
        data: list[int | None] = [None] * np.size(keys)
        if kind == "fold":
            # Under `vmap` either may lack the batch axis of the other.
            folded = np.asarray(_compute(inputs[1]))
            shape = np.broadcast_shapes(np.shape(keys), folded.shape)
            keys, folded = jnp.broadcast_to(keys, shape), np.broadcast_to(folded, shape)
            data = [int(datum) & 0xFFFFFFFF for datum in folded.reshape(-1)]
        words: Any
        if jnp.issubdtype(keys.dtype, jax.dtypes.prng_key):
            implementation, words = str(jax.random.key_impl(keys)), jax.random.key_data(keys)
        elif len(inputs) == 4:
            # threefry2x32: a word of the key in each of two inputs, for every count of a draw.
            halves = np.broadcast_arrays(*map(_compute, inputs[:2]))
            implementation = "threefry2x32"
            words = np.unique(np.stack(halves, axis=-1).reshape(-1, 2), axis=0)
            data = [None] * len(words)
        else:
            implementation, words = "raw", keys
        where = _frames(asking)
        rows = np.asarray(words, np.uint32).reshape(-1, np.shape(words)[-1])
        for row, datum in zip(rows, data, strict=True):
            name = f"{implementation} " + "".join(f"{word:08x}" for word in row)
            self.uses.append(Use(name, kind, datum, where))


def _bodies(params: dict[str, Any]) -> Iterator[ClosedJaxpr | Jaxpr]:
    """The jaxprs among an equation's parameters."""
    for value in params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, (ClosedJaxpr, Jaxpr)):
                yield item


def _is_random(body: ClosedJaxpr | Jaxpr) -> bool:
    """Whether a key is used anywhere inside."""
    equations = body.jaxpr.eqns if isinstance(body, ClosedJaxpr) else body.eqns
    return any(
        equation.primitive.name.startswith(("random_", "rng_", "threefry"))
        or any(map(_is_random, _bodies(equation.params)))
        for equation in equations
    )


def _of_library(body: ClosedJaxpr | Jaxpr) -> bool:
    """Whether a jaxpr is of a function of JAX or Flax."""
    inner = body.jaxpr if isinstance(body, ClosedJaxpr) else body
    info = getattr(inner, "debug_info", None)
    return any(library in str(getattr(info, "func_src_info", "")) for library in LIBRARIES)


def _frames(equation: JaxprEqn) -> tuple[str, ...]:
    """Where the program, not a library, asked for an equation: innermost frame first."""
    traceback = equation.source_info.traceback
    frames: list[Any] = traceback.frames if traceback else []
    found = []
    for frame in frames:
        if not frame.file_name.startswith(LIBRARIES):
            file = "/".join(Path(frame.file_name).parts[-2:])
            found.append(f"{file}:{frame.line_num} {frame.function_name.split('.')[-1]}")
    return tuple(found) or ("an unknown line",)
