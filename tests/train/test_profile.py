"""A trace of a few steps, and what it says of where the time goes."""

import gzip
import json
import re
from pathlib import Path
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from gen_jax import launch
from gen_jax.train import profile

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    f"--config={ROOT / 'configs' / 'gan_ring.py'}",
    "--config.batch_size=32",
    "--config.generator.widths=(8,)",
    "--config.discriminator.widths=(8,)",
    "--config.sample_every=0",
    "--config.checkpoint_every=0",
    "--config.eval_epochs=()",
    "--config.data.num_train=100",
    "--config.data.num_test=50",
    "--config.eval.samples=50",
    "--config.eval.inversions=0",
    "--config.profile=True",
)


def compiled(function, *args):
    return jax.jit(function).lower(*args).compile().as_text()


def test_flops_of_a_convolution_and_a_product():
    layout = ("NHWC", "HWIO", "NHWC")
    convolve = lambda x, w: jax.lax.conv_general_dilated(  # noqa: E731
        x, w, (1, 1), "SAME", dimension_numbers=layout
    )
    found = profile.flops(compiled(convolve, jnp.ones((4, 8, 8, 3)), jnp.ones((3, 3, 3, 5))))
    assert sum(found.values()) == 2 * 4 * 8 * 8 * 5 * 3 * 3 * 3
    found = profile.flops(compiled(jnp.matmul, jnp.ones((32, 48)), jnp.ones((48, 16))))
    assert sum(found.values()) == 2 * 32 * 48 * 16


def test_operations_are_named_by_layer_and_direction():
    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(24)(nn.tanh(nn.Dense(16)(x)))

    net, x = Network(), jnp.ones((8, 12))
    params = net.init(jax.random.key(0), x)
    text = compiled(jax.grad(lambda p: net.apply(p, x).sum()), params)
    found = set(profile.places(text).values())
    assert {"Network/Dense_0, backward"} <= found
    # What is fused into one operation bears the name of one of them.
    assert any(re.fullmatch(r"Network/Dense_\d, forward", place) for place in found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("conv_general_dilated.12", "convolution"),
        ("convert_fusion", "elementwise"),
        ("dot.3", "matrix product"),
        ("wrapped_reduce-window.1", "reduction"),
        ("transpose_copy_fusion", "copy or transposition"),
        ("multiply_add_fusion.2", "elementwise"),
    ],
)
def test_kinds(name, kind):
    assert profile.kind(name) == kind


def event(name, milliseconds, **stats):
    return SimpleNamespace(name=name, duration_ns=1e6 * milliseconds, stats=list(stats.items()))


def test_what_a_cpu_hands_on_is_what_is_left_of_the_step():
    line = SimpleNamespace(
        events=[
            event("conv.1", 0.1, hlo_op="conv.1"),
            event("tanh.2", 4.0, hlo_op="tanh.2"),
            event("Execute", 9.0),
        ]
    )
    spent = profile.recorded([SimpleNamespace(name="/host:CPU", lines=[line])], steps=2)
    assert spent == {"tanh.2": 2.0}
    assert profile.handed_on(6.0, {"conv.1": 3.0, "dot.4": 1.0}) == {"conv.1": 4.5, "dot.4": 1.5}


@pytest.mark.parametrize("keys", [("num_steps=11",), ("num_steps=14", "steps_per_call=3")])
def test_a_run_leaves_a_trace_that_opens_and_says_where_the_time_goes(tmp_path, capsys, keys):
    keys = [f"--config.{key}" for key in keys]
    assert launch.main([*SMALL, f"--workdir={tmp_path}", *keys]) == 0
    assert "A step took" in capsys.readouterr().out
    (trace,) = (tmp_path / "profile").glob("plugins/profile/*/perfetto_trace.json.gz")
    assert json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    assert list((tmp_path / "profile").glob("plugins/profile/*/*.xplane.pb"))
    assert "| elementwise |" in (tmp_path / "profile" / "summary.md").read_text()


def test_too_few_steps_to_trace(tmp_path, capsys):
    assert launch.main([*SMALL, f"--workdir={tmp_path}", "--config.num_steps=9"]) == 2
    assert "takes 10 steps, and 9 are left" in capsys.readouterr().err
    keys = ("--config.num_steps=13", "--config.steps_per_call=3")
    assert launch.main([*SMALL, f"--workdir={tmp_path / 'calls'}", *keys]) == 2
    assert "takes 14 steps, and 13 are left" in capsys.readouterr().err
