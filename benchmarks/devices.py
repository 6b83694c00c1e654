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

from gen_jax import job, launch
from gen_jax.audit import ledger
from gen_jax.audit.tensors import differences

ROOT = Path(__file__).resolve().parents[1]
DEVICES = (1, 2, 3, 4, 8)
OPTIONS = (
    "--config=configs/cvae_gan_shapes.py",
    "--config.batch_size=48",  # a multiple of all of them
    "--config.num_steps=50",
    "--config.ledger_every=1",
    "--config.log_every=50",
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
        )
        for i in range(processes)
    ]
    if any(process.wait() for process in together):
        sys.exit(f"{processes} processes: one of them failed")


def state(workdir: Path) -> object:
    """The last checkpoint."""
    return job.restore(launch.parse([f"--workdir={workdir}"])).state


def row(name: str, workdir: Path, reference: Path) -> str:
    """A line of the table: a run against the one on one device."""
    ours, theirs = (ledger.read(each).steps() for each in (workdir, reference))
    same = [
        all(ours[step].get(stream) == theirs[step].get(stream) for step in theirs)
        for stream in ("indices", "content", "keys")
    ]
    far = {each.path: each for each in differences(state(workdir), state(reference))}
    parameters = [each for path, each in far.items() if path.startswith(".params")]
    largest = max((each.largest for each in parameters), default=0.0)
    losses = [
        abs(ours[step]["metrics"][loss] - value) / max(abs(value), 1e-6)
        for step in (1, max(theirs))
        for loss, value in theirs[step]["metrics"].items()
        if loss.startswith("loss/")
    ]
    half = len(losses) // 2
    first, last = max(losses[:half]), max(losses[half:])
    told = " | ".join("the same" if each else "DIFFERENT" for each in same)
    return f"| {name} | {told} | {first:.1e} | {last:.1e} | {largest:.1e} |"


def main() -> None:
    """Trains every run and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, default=Path("runs/devices"))
    folder = parser.parse_args().workdir
    runs = {f"{count} device{'s' * (count > 1)}": (count, 1) for count in DEVICES}
    runs |= {"2 processes of 1": (1, 2), "2 processes of 2": (2, 2)}
    print("| run | images seen | their pixels | keys | losses, step 1 | step 50 | parameters |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (devices, processes) in runs.items():
        workdir = folder / f"{processes}x{devices}"
        train(workdir, devices, processes)
        print(row(name, workdir, folder / "1x1"), flush=True)
    print(f"\njax {jax.__version__}; {' '.join(OPTIONS)}")


if __name__ == "__main__":
    main()
