"""One run on 1, 2, 3, 4 and 8 devices, and in two processes: what is the same, and how nearly?

Every run is trained anew, in a process of its own, on virtual CPU devices. Its ledger says which
images were seen and which keys were drawn from, bit for bit; its last checkpoint what came of it.

    python benchmarks/devices.py --workdir=runs/devices
"""

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np

from gen_jax import job, launch
from gen_jax.audit import ledger
from gen_jax.audit.replay import Trainer
from gen_jax.core.digest import by_path, to_host
from gen_jax.core.state import TrainState

ROOT = Path(__file__).resolve().parents[1]
DEVICES = (1, 2, 3, 4, 8)
STEPS = (1, 2, 5, 10, 20)
"""Where losses are compared, by the largest relative difference; parameters, after the last, by the
norm of the difference relative to their own."""
OPTIONS = (
    "--config=configs/cvae_gan_shapes.py",
    "--config.batch_size=48",  # a multiple of all of them
    "--config.num_steps=20",
    "--config.ledger_every=1",
    "--config.log_every=20",
    "--config.sample_every=0",
    "--config.data.image_size=16",
    "--config.data.num_train=1000",
    "--config.data.num_test=100",
    "--config.eval.disentanglement=False",
    "--config.eval.probe_examples=0",
    "--config.eval.projection=0",
)


def train(workdir: Path, devices: int, processes: int) -> None:
    """A training on so many devices in each of so many processes."""
    flags = os.environ.get("XLA_FLAGS", "")
    flags += f" --xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"}
    argv = [sys.executable, str(ROOT / "run.py"), f"--workdir={workdir}", *OPTIONS]
    if processes == 1:
        subprocess.run(argv, env=environment, check=True, capture_output=True)
        return
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    together = [
        subprocess.Popen(
            [
                *argv,
                f"--coordinator={address}",
                f"--num_processes={processes}",
                f"--process_id={i}",
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for i in range(processes)
    ]
    if any(process.wait() for process in together):
        sys.exit(f"{processes} processes: one of them failed")


def last_state(workdir: Path) -> TrainState:
    """The last checkpoint."""
    return job.restore(launch.parse([f"--workdir={workdir}"])).state


def row(name: str, workdir: Path, reference: Path) -> str:
    """A line of the table: a run against the one on one device."""
    ours, theirs = (ledger.read(each).steps() for each in (workdir, reference))
    same = [
        all(ours[step].get(stream) == theirs[step].get(stream) for step in theirs)
        for stream in ("indices", "content", "keys")
    ]
    told = [*("the same" if each else "DIFFERENT" for each in same)]
    for step in STEPS:
        told.append(f"{loss_difference(ours[step], theirs[step]):.1e}")
    apart = distance(last_state(workdir).params, last_state(reference).params)
    return f"| {name} | {' | '.join(told)} | {apart:.1e} |"


def perturbed(reference: Path) -> str:
    """The last line of the table: one device, from parameters that are off by 1e-7 of themselves.

    What rounding does to a training is what any change of its size does.
    """
    asked = launch.parse([f"--workdir={reference}"])
    trainer = Trainer(asked, job.load(asked))
    state, rng = trainer.initial(), np.random.default_rng(0)
    nudged = jax.tree.map(
        lambda leaf: (leaf * (1 + 1e-7 * rng.standard_normal(leaf.shape))).astype(leaf.dtype),
        state.params,
    )
    told, lines = [], ledger.read(reference).steps()
    for at in trainer.run(state._replace(params=nudged), 0, STEPS[-1]):
        if at.step in STEPS:
            far = loss_difference({"metrics": at.metrics}, lines[at.step])
            told.append(f"{far:.1e}")
        if at.step == STEPS[-1]:
            apart = distance(at.state().params, last_state(reference).params)
    return f"| 1 device, begun 1e-7 off | | | | {' | '.join(told)} | {apart:.1e} |"


def distance(ours: dict, theirs: dict) -> float:
    """The norm of the difference of all parameters, relative to their own."""
    one, other = (by_path(to_host(params)) for params in (ours, theirs))
    apart = sum(np.sum(np.square(one[path] - other[path], dtype=np.float64)) for path in one)
    size = sum(np.sum(np.square(other[path], dtype=np.float64)) for path in one)
    return float(np.sqrt(apart / size))


def loss_difference(ours: dict, theirs: dict) -> float:
    """The largest relative difference of a loss between two lines."""
    return max(
        abs(ours["metrics"][loss] - value) / max(abs(value), 1e-6)
        for loss, value in theirs["metrics"].items()
        if loss.startswith("loss/")
    )


def main() -> None:
    """Trains every run and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, default=Path("runs/devices"))
    folder = parser.parse_args().workdir
    runs = {f"{count} device{'s' * (count > 1)}": (count, 1) for count in DEVICES}
    runs |= {"2 processes of 1": (1, 2), "2 processes of 2": (2, 2)}
    steps = " | ".join(f"step {step}" for step in STEPS)
    print(
        f"| run | images seen | their pixels | keys | losses, {steps} | parameters, {STEPS[-1]} |"
    )
    print("| --- " * (5 + len(STEPS)) + "|")
    for name, (devices, processes) in runs.items():
        workdir = folder / f"{processes}x{devices}"
        train(workdir, devices, processes)
        print(row(name, workdir, folder / "1x1"), flush=True)
    print(perturbed(folder / "1x1"))
    print(f"\njax {jax.__version__}; {' '.join(OPTIONS)}")


if __name__ == "__main__":
    main()
