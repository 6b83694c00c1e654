"""Where the time of a step goes: a trace of a few steps, and tables by kind and by layer.

`WORKDIR/profile` gets what TensorBoard's profiler and ui.perfetto.dev open, and `summary.md`.

Several devices are averaged over. A CPU hands convolutions and matrix products to other threads,
and records no more than that it did. Theirs is then the time of the step that nothing else accounts
for, each its share of FLOPs; so a slow one among them does not show. GPUs and TPUs record all.
"""

import collections
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
from absl import logging

from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError

FOLDER = "profile"
BEFORE = 5
"""Steps that are not traced: the first compile, and fill caches."""
COUNT = 5
"""Steps traced."""
ROWS = 20

HOST = "/host:CPU"
KINDS = {
    "convolution": re.compile(r"conv(?!ert)"),
    "matrix product": re.compile(r"dot|gemm|matmul"),
    "reduction": re.compile(r"reduce"),
    "copy or transposition": re.compile(r"copy|transpose|concatenate|pad"),
}
"""Kinds of operations by what their names hold, the first that fits; the rest are elementwise."""
HANDED_ON = ("convolution", "matrix product")
ELSEWHERE = "no layer named (optimizers, losses, some gradients)"

_LINE = re.compile(
    r"^\s*(?:ROOT )?%([\w.-]+) = \w+\[([\d,]*)\]\S* ([\w-]+)\((.*?)\)((?:, .*)?)$", re.MULTILINE
)
_LAYER = r"(?:[A-Za-z]\w*_\d+|mean|logvar|linear|embed)"
_MODULE = re.compile(rf"([A-Z]\w+)\)*/({_LAYER}(?:/{_LAYER})*)?")

Milliseconds = dict[str, float]


def check_length(start: int, stop: int, per_call: int) -> None:
    """Raises UserError for too few steps to trace any."""
    needed = BEFORE + COUNT + 2 * (per_call - 1)
    if stop - start < needed:
        raise UserError(
            f"profile=True takes {needed} steps, and {stop - start} are left; pass "
            "--config.profile=False, or a larger --config.num_steps"
        )


class Profile:
    """Traces `COUNT` steps of a training, from the `BEFORE`-th on.

    Args:
      workdir: where `profile` goes.
      start, stop: steps done when training begins and ends.
      per_call: steps given to the devices at once.

    Raises:
      UserError: there are too few steps.
    """

    def __init__(self, workdir: Path, start: int, stop: int, per_call: int = 1) -> None:
        check_length(start, stop, per_call)
        self._folder, self._first = workdir / FOLDER, start + BEFORE
        self._since, self._tracing, self._written = 0.0, False, False

    def after(self, done: int, state: Any, program: Callable[[], str]) -> None:
        """To be called after every call; `program` gives its compiled program as text."""
        if self._written:
            return
        if not self._tracing and done >= self._first:
            jax.block_until_ready(state)
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0
            jax.profiler.start_trace(
                str(self._folder), create_perfetto_trace=True, profiler_options=options
            )
            self._since, self._tracing, self._first = time.perf_counter(), True, done
        elif self._tracing and done >= self._first + COUNT:
            jax.block_until_ready(state)
            count = done - self._first
            step = 1e3 * (time.perf_counter() - self._since) / count
            self.close()
            self._written = True
            self._write(step, count, program())

    def close(self) -> None:
        """Ends the trace, if there is one."""
        if self._tracing:
            self._tracing = False
            jax.profiler.stop_trace()

    def _write(self, step: float, count: int, program: str) -> None:
        traces = sorted(self._folder.glob("plugins/profile/*/*.xplane.pb"))
        if not traces:
            logging.warning("JAX's profiler left no trace in %s.", self._folder)
            return
        planes = list(jax.profiler.ProfileData.from_file(str(traces[-1])).planes)
        spent = recorded(planes, count * jax.local_device_count())
        text = f"A step took {step:.1f} ms.\n\n"
        if not any(plane.name.startswith("/device") for plane in planes):
            spent |= handed_on(step - sum(spent.values()), flops(program))
            text += "Convolutions and products: what is left of that, by FLOPs.\n\n"
        text += summary(spent, places(program))
        write_bytes(self._folder / "summary.md", text.encode())
        print(f"{text}\nprofile: {traces[-1].parent}", flush=True)


def recorded(planes: Iterable[Any], steps: int) -> Milliseconds:
    """Milliseconds of every operation whose time a trace records, over `steps` of a device."""
    found: collections.Counter[str] = collections.Counter()
    for plane in planes:
        for line in plane.lines:
            for event in line.events:
                # A GPU's events bear the names of kernels.
                name = next((str(value) for key, value in event.stats if key == "hlo_op"), None)
                if name is None or (plane.name == HOST and kind(name) in HANDED_ON):
                    continue
                found[name] += event.duration_ns / 1e6 / steps
    return dict(found)


def handed_on(milliseconds: float, work: Mapping[str, float]) -> Milliseconds:
    """The time divided among operations in proportion to their FLOPs."""
    whole = sum(work.values()) or 1.0
    return {name: max(milliseconds, 0.0) * each / whole for name, each in work.items()}


def flops(program: str) -> dict[str, float]:
    """Of the convolutions and matrix products of a compiled program, zeros of padding included."""
    found, shapes = {}, {}
    for name, shape, opcode, operands, attributes in _LINE.findall(program):
        shapes[name] = [int(side) for side in shape.split(",") if side]
        inputs = re.findall(r"%([\w.-]+)", operands)
        if opcode == "convolution":
            layout = re.search(r"dim_labels=\w+_(\w+)->", attributes)
            kernel = shapes.get(inputs[1]) if len(inputs) > 1 else None
            if layout and kernel:
                outputs = kernel[layout[1].index("o")]
                found[name] = 2.0 * math.prod(shapes[name]) * math.prod(kernel) / outputs
        elif opcode == "dot":
            contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", attributes)
            left = shapes.get(inputs[0]) if inputs else None
            if contracted and left:
                axes = [int(axis) for axis in contracted[1].split(",") if axis]
                found[name] = 2.0 * math.prod(shapes[name]) * math.prod(left[a] for a in axes)
    return found


def places(program: str) -> dict[str, str]:
    """Where in the model each operation of a compiled program is from: a layer and a direction."""
    found = {}
    for name, _, _, _, attributes in _LINE.findall(program):
        origin = re.search(r'op_name="([^"]*)"', attributes)
        module = _MODULE.search(origin[1]) if origin else None
        if origin and module:
            layer = "/".join(part for part in module.groups() if part)
            found[name] = f"{layer}, {'backward' if 'transpose(' in origin[1] else 'forward'}"
    return found


def kind(name: str) -> str:
    """Of an operation, by its name."""
    return next((kind for kind, pattern in KINDS.items() if pattern.search(name)), "elementwise")


def summary(spent: Milliseconds, where: Mapping[str, str]) -> str:
    """Tables, in Markdown, by kind of operation and by layer."""
    kinds: collections.Counter[str] = collections.Counter()
    layers: collections.Counter[str] = collections.Counter()
    for name, milliseconds in spent.items():
        kinds.update({kind(name): milliseconds})  # type: ignore[dict-item]
        layers.update({where.get(name, ELSEWHERE): milliseconds})  # type: ignore[dict-item]
    whole = sum(spent.values()) or 1.0
    lines = []
    for title, counted in (("kind", kinds), ("layer", layers)):
        rows = counted.most_common(ROWS)
        if rest := sum(each for _, each in counted.most_common()[ROWS:]):
            rows.append(("the rest", rest))
        lines += [f"| {title} | ms a step | share |", "| --- | --- | --- |"]
        lines += [f"| {name} | {each:.2f} | {100 * each / whole:.0f} % |" for name, each in rows]
        lines.append("")
    return "\n".join(lines)
