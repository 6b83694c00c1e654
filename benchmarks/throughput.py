"""Training throughput: gen_jax against PyTorch, the same models, in turn.

    python benchmarks/throughput.py --output=runs/throughput.json

For each model and batch size: the train step of the config as `run.py` compiles it, on a batch that
stays, against its peer in PyTorch (`peers/`: same networks, updates and precision) in each of
PyTorch's modes; windows in turn, medians, and of ratios the median, least and most of pairs. A
checkout of gen_jax (`--against=DIR`) is a side like any other. Beside it the arithmetic floor:
FLOPs of the compiled program over the faster of a matrix product and a convolution, measured in the
same precision; and the most memory a side held. `--torch` is the Python that has PyTorch, if this
one has not.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import sides  # noqa: E402

from gen_jax.core import xla  # noqa: E402

MODELS = ("vae_cifar10", "dcgan_cifar10", "cvae_gan_cifar100", "sngan_cifar10")
"""Convolutional VAE, DCGAN, CVAE-GAN, and SNGAN's residual networks."""
GEN_JAX = "gen_jax"


def ceiling(precision: str, matmul: str) -> dict[str, float]:
    """GFLOP/s of a matrix product and of a 3x3 convolution, the best of several.

    In the precision that the sides multiply in; on a GPU of a size beside which starting one is
    nothing.
    """
    if matmul == "float32":
        jax.config.update("jax_default_matmul_precision", "highest")
    side, count = (2048, 64) if jax.default_backend() == "cpu" else (8192, 1024)
    key, dtype = jax.random.key(0), jnp.dtype(precision)
    square = jax.random.normal(key, (side, side), dtype)
    images = jax.random.normal(key, (count, 32, 32, 128), dtype)
    kernel = jax.random.normal(key, (3, 3, 128, 128), dtype)
    layout = ("NHWC", "HWIO", "NHWC")
    convolve = jax.jit(
        lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=layout)
    )
    return {
        "matrix product": _rate(jax.jit(jnp.matmul), square, square, 2 * side**3),
        "convolution": _rate(convolve, images, kernel, 2 * count * 32 * 32 * 128 * 128 * 9),
    }


def _rate(function: Any, a: jax.Array, b: jax.Array, flops: int) -> float:
    jax.block_until_ready(function(a, b))
    times = []
    for _ in range(10):
        start = time.perf_counter()
        jax.block_until_ready(function(a, b))
        times.append(time.perf_counter() - start)
    return flops / min(times) / 1e9


def measure(model: str, batch: int, flags: argparse.Namespace) -> dict[str, Any]:
    """All sides of one model at one batch size."""
    overrides = [f"batch_size={batch}", *flags.set]
    if flags.precision != "float32":
        overrides.append(f"precision={flags.precision}")
    roots = {GEN_JAX: HERE.parent} | {f"gen_jax of {path}": Path(path) for path in flags.against}
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    running: dict[str, sides.Side] = {}
    failed: dict[str, str] = {}

    def start(name: str, command: list[str], request: dict[str, Any]) -> None:
        try:
            running[name] = sides.Side([*command, json.dumps(request)], environment)
        except RuntimeError as error:
            failed[name] = str(error)

    try:
        for name, root in roots.items():
            request = {
                "root": str(root.resolve()),
                "config": model,
                "overrides": overrides,
                "matmul": flags.matmul,
            }
            start(name, [sys.executable, str(HERE / "train_gen_jax.py")], request)
        if GEN_JAX in failed:
            raise RuntimeError(f"{model}: {failed[GEN_JAX]}")
        config = running[GEN_JAX].about["config"]
        for mode in flags.modes:
            request = {
                "config": config,
                "num_classes": 100 if model.endswith("100") else 10,
                "mode": mode,
                "matmul": flags.matmul,
            }
            start(f"torch {mode}", [flags.torch, str(HERE / "train_torch.py")], request)
        times = sides.interleaved(running, flags.seconds, flags.windows)
        about = {name: side.about for name, side in running.items()}
    finally:
        for side in running.values():
            side.__exit__()
    for name, each in about.items():
        if each["parameters"] != about[GEN_JAX]["parameters"]:
            raise RuntimeError(f"{model}: {name} has other networks: {each['parameters']}")
        if each["images"] != about[GEN_JAX]["images"]:
            raise RuntimeError(f"{model}: {name} takes another batch: {each['images']} images")
        each.pop("config", None)
    return {
        "model": model,
        "batch_size": config["batch_size"],  # --set may have another than --batch
        "matmul": flags.matmul,
        "precision": flags.precision,
        "about": about,
        "failed": failed,
        "seconds": times,
    }


def table(measured: list[dict[str, Any]], rates: dict[str, float]) -> str:
    """A Markdown table: a row a side."""
    lines = [
        "| model | batch | side | ms a step | images/s | gen_jax is faster by | of the floor "
        "| GiB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in measured:
        flops = each["about"][GEN_JAX]["flops"]
        floor = flops / max(rates.values()) / 1e9
        for name, times in each["seconds"].items():
            seconds = statistics.median(times)
            images = each["about"][name]["images"]
            ratio = sides.ratio(each["seconds"], GEN_JAX, name)
            faster = f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
            lines.append(
                f"| {each['model']} | {each['batch_size']} | {name} | {1e3 * seconds:.1f} "
                f"| {images / seconds:.0f} | {faster if name != GEN_JAX else ''} "
                f"| {floor / seconds:.2f} | {sides.gibibytes(each['about'][name]['memory'])} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measures, prints a Markdown table, writes JSON."""
    parser = argparse.ArgumentParser(description="training throughput against PyTorch")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batch", default="128", help="batch sizes, commas between")
    parser.add_argument(
        "--matmul", choices=("float32", "tf32"), default="float32", help="of both sides, on a GPU"
    )
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="of both sides"
    )
    parser.add_argument("--modes", default="eager,compile", help="of PyTorch; see train_torch.py")
    parser.add_argument("--torch", default=sys.executable, help="the Python that has PyTorch")
    parser.add_argument("--against", action="append", default=[], help="a checkout of gen_jax")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of our config")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a window")
    parser.add_argument("--windows", type=int, default=7)
    parser.add_argument("--output", help="a JSON file")
    parser.add_argument("--ceiling", action="store_true", help="print it, as JSON, and end")
    flags = parser.parse_args()
    flags.modes = [mode for mode in flags.modes.split(",") if mode]
    if flags.ceiling:
        xla.prepare()
        print(json.dumps(ceiling(flags.precision, flags.matmul)))
        return
    # In a process of its own, which leaves a GPU's memory to the sides.
    command = [sys.executable, __file__, "--ceiling"]
    command += [f"--precision={flags.precision}", f"--matmul={flags.matmul}"]
    rates = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print("ceiling: " + ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in rates.items()))
    measured: list[dict[str, Any]] = []
    for model in flags.models.split(","):
        for batch in map(int, flags.batch.split(",")):
            try:
                measured.append(measure(model, batch, flags))
            except RuntimeError as error:
                print(f"{model}, batch {batch}, failed: {error}", file=sys.stderr)
                continue
            print(table(measured[-1:], rates), flush=True)
            for name, words in measured[-1]["failed"].items():
                print(f"{name} failed: {words}", file=sys.stderr)
            if flags.output:  # as far as it is done
                result = {"python": platform.python_version(), "gflops": rates}
                sides.write(flags.output, "throughput.py", result | {"measured": measured})


if __name__ == "__main__":
    main()
