"""Kills a training again and again, and asks whether it still ends where it would have ended.

One run is left alone. The other is killed at random moments, by SIGKILL or SIGTERM, and started
again by the same command until it has ended. Then the two must have the same final state, bit for
bit, the same state at every step both have a line of in their ledgers, every record and every line
once, and no half-written file left lying about.

    python benchmarks/chaos.py --kills=50 --workdir=runs/chaos
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gen_jax.audit import ledger

ROOT = Path(__file__).resolve().parents[1]
SIGNALS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 128 + signal.SIGTERM}
"""What is sent, and the return code of a process that it ends as it should."""


def command(workdir: Path, options: Sequence[str]) -> list[str]:
    """The training, as a user types it."""
    return [sys.executable, str(ROOT / "run.py"), f"--workdir={workdir}", *options]


def torment(argv: list[str], kills: int, longest: float, draw: random.Random) -> Iterator[str]:
    """Runs a command to its end through up to so many kills, and says what each of them met.

    Each comes `draw.uniform(0, longest)` seconds after the process began.

    Raises:
      RuntimeError: a process ended otherwise than by its signal, or well.
    """
    sent = 0
    while True:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        number = draw.choice(list(SIGNALS))
        try:
            if sent < kills:
                time.sleep(draw.uniform(0, longest))
                process.send_signal(number)
            said = process.communicate()[0].decode(errors="replace")
        finally:
            process.kill()
        if process.returncode == 0:
            return
        # A SIGTERM before the training began, or after it ended, ends a process as any other.
        fitting = {SIGNALS[number], -number}
        if process.returncode not in fitting:
            raise RuntimeError(f"exit code {process.returncode} after {number.name}:\n{said}")
        steps = [line for line in said.splitlines() if line.startswith(("step ", "stopped at"))]
        sent += 1
        yield f"{number.name}: {steps[-1] if steps else 'before its first line'}"


def difference(alone: Path, killed: Path) -> str:
    """What differs between two workdirs that should agree; "" if nothing."""
    chains = [ledger.read(workdir) for workdir in (alone, killed)]
    for found in chains:
        if found.fault:
            return found.fault
    steps = [found.steps() for found in chains]
    last = [max(each) for each in steps]
    if last[0] != last[1]:
        return f"ledgers end at steps {last}"
    shared = steps[0].keys() & steps[1].keys()
    if missing := sorted(steps[0].keys() - shared):
        return f"the ledger lost steps {missing}"
    for name in ("state", "indices", "content", "keys", "metrics"):
        parted = [s for s in sorted(shared) if steps[0][s].get(name) != steps[1][s].get(name)]
        if parted:
            return f"{name} of step {parted[0]} differs"
    for workdir in (alone, killed):
        lines = [line for line in ledger.read(workdir).lines if line["kind"] == "step"]
        if twice := [step for step, n in Counter(line["step"] for line in lines).items() if n > 1]:
            return f"{workdir}: steps {twice} are in the ledger more than once"
    logged = [_logged(workdir) for workdir in (alone, killed)]
    if twice := [key for key, count in logged[1].items() if count > 1]:
        return f"records {twice} are there more than once"
    if lost := sorted(logged[0].keys() - logged[1].keys()):
        return f"records {lost} are lost"
    scratch = [str(path) for path in killed.rglob(".*") if path.is_file()]
    scratch += [str(path) for path in killed.rglob("*tmp*")]
    return f"left behind: {scratch}" if scratch else ""


def _logged(workdir: Path) -> Counter:
    lines = (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return Counter((line["kind"], line["step"]) for line in map(json.loads, lines))


def main() -> int:
    """Prints what every kill met, and the verdict; returns 1 if the runs differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds to a kill")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the signals")
    parser.add_argument("--workdir", type=Path, default=Path("runs/chaos"))
    parser.add_argument("--config", default="configs/cvae_gan_shapes.py")
    flags, options = parser.parse_known_args()
    options = [f"--config={flags.config}", *options]
    if flags.workdir.exists():
        sys.exit(f"error: {flags.workdir} is there already; pass another --workdir")
    draw = random.Random(flags.seed)
    subprocess.run(command(flags.workdir / "alone", options), check=True, stdout=subprocess.DEVNULL)
    survived = 0
    while survived < flags.kills:
        killed = flags.workdir / f"killed_{survived}"
        argv = command(killed, options)
        for met in torment(argv, flags.kills - survived, flags.longest, draw):
            survived += 1
            print(f"{survived:3}  {met}", flush=True)
        if wrong := difference(flags.workdir / "alone", killed):
            print(f"differs: {wrong}")
            return 1
    last = max(ledger.read(flags.workdir / "alone").steps().items())
    print(f"survived {survived} kills; final state of step {last[0]} {last[1]['state']}, as alone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
