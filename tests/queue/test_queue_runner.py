"""Running a queue: in order, once, on after failures and signals, never twice at a time."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gen_jax import launch
from gen_jax.queue import commands, marks, runner

ROOT = Path(__file__).parents[2]
SHAPES = f"--config={ROOT}/configs/cvae_gan_shapes.py"
# Stands in for run.py: says what it was given, and does as the number of steps tells it to.
STUB = """
import os, signal, sys, time
steps = int(next(arg for arg in sys.argv if "num_steps" in arg).partition("=")[2])
open("order.txt", "a").write(f"{steps}\\n")
print("step", steps)
os.makedirs(f"runs/n{steps}", exist_ok=True)
if steps == 9 and not os.path.exists("mended"):
    print("error: no luck", file=sys.stderr)
    sys.exit(2)
if steps == 77 and not os.path.exists("mended"):
    signal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(143)))
    open("waits", "w").close()
    time.sleep(60)
"""


@pytest.fixture
def queue(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.py").write_text(STUB)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "_LOOK", 0.01)

    def write(*steps):
        lines = [
            f"{SHAPES} --config.num_steps={n} --workdir=runs/n{n}\n" if n != "wait" else "wait\n"
            for n in steps
        ]
        (tmp_path / "mine.txt").write_text("".join(lines))
        return "--queue=mine.txt"

    return write


def order():
    return Path("order.txt").read_text().split()


def test_each_command_runs_once_and_failures_are_tried_again(queue, capsys):
    flag = queue(1, 9, 3)
    assert launch.main([flag]) == 2
    assert order() == ["1", "9", "3"]
    out = capsys.readouterr().out
    assert "failed" in out
    assert "exit code 2: error: no luck" in out
    assert "2 of 3 done; logs in runs/queues/mine" in out
    Path("mended").touch()
    assert launch.main([flag]) == 0
    assert order() == ["1", "9", "3", "9"]
    assert "3 of 3 done" in capsys.readouterr().out
    queue(1, 9, 3, 4)
    assert launch.main([flag]) == 0
    assert order()[-1] == "4"
    assert len(order()) == 5


def test_one_command_alone_and_the_status(queue, capsys):
    flag = queue(1, 2)
    assert launch.main([flag, "--only=2"]) == 0
    assert order() == ["2"]
    capsys.readouterr()
    assert launch.main([flag, "--status"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["1", "to", "do", "n1"]
    assert second.split()[:3] == ["2", "done", "n2"]
    assert last.startswith("1 of 2 done")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--queue=mine.txt", "--only=3"], "commands 1 to 2"),
        (["--queue=mine.txt", "--num=3"], "--queue takes its commands from a file"),
        (["--queue=mine.txt", "--config.seed=3"], "--queue takes its commands from a file"),
        (["--only=1", SHAPES], "say which, --queue=FILE"),
        (["--queue=absent.txt"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_line(queue, capsys, flags, said):
    queue(1, 2)
    assert launch.main(flags) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not Path("order.txt").exists()


def test_a_signal_reaches_the_command_and_the_queue_goes_on_from_there(queue, tmp_path, capsys):
    flag = queue(1, 77, 3)
    program = (
        "import sys; from pathlib import Path; from gen_jax import launch;"
        "from gen_jax.queue import runner; runner.ROOT = Path.cwd();"
        "sys.exit(launch.main(sys.argv[1:]))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program, flag], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        for _ in range(1200):
            if Path("waits").exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        # Another process of the same queue leaves the command that runs alone, does the next, and
        # does not say that all is done.
        assert launch.main([flag]) == 1
        assert order() == ["1", "77", "3"]
        assert "running" in capsys.readouterr().out
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said.splitlines()[-1].endswith("the same command goes on from there")
    Path("mended").touch()
    assert launch.main([flag]) == 0
    assert order() == ["1", "77", "3", "77"]
    assert "3 of 3 done" in capsys.readouterr().out


def test_what_needs_others_waits_for_them(queue, capsys):
    flag = queue(1, 9, "wait", 3)
    assert launch.main([flag]) == 2
    assert order() == ["1", "9"]
    assert "left out: it needs n9, which is not done" in capsys.readouterr().err
    assert launch.main([flag, "--only=3"]) == 1
    Path("mended").touch()
    assert launch.main([flag]) == 0
    assert order() == ["1", "9", "9", "3"]


def test_what_ends_as_others_look_is_not_taken_for_given_up(queue, capsys, monkeypatch):
    """A command that was running at one reading and is done at the next."""
    flag = queue(1, "wait", 3)
    assert launch.main([flag, "--only=1"]) == 0
    read, told = marks.read, []

    def running_at_first(root, command):
        found = read(root, command)
        if command.name == "n1" and len(told) < 1:
            told.append(command)
            return found._replace(state="running")
        return found

    monkeypatch.setattr(marks, "read", running_at_first)
    assert launch.main([flag, "--only=2"]) == 0
    assert told
    assert order() == ["1", "3"]
    assert "left out" not in capsys.readouterr().out


def test_a_command_whose_workdir_is_gone_is_done_again(queue):
    flag = queue(1, 2)
    assert launch.main([flag]) == 0
    Path("runs/n1").rmdir()
    assert launch.main([flag]) == 0
    assert order() == ["1", "2", "1"]


def test_a_command_that_was_killed_as_it_ran_again_is_not_done(queue, tmp_path, monkeypatch):
    flag = queue(77)
    Path("mended").touch()
    assert launch.main([flag]) == 0
    Path("runs/n77").rmdir()
    Path("mended").unlink()

    def killed(*args):  # as SIGKILL, which leaves no time to say so
        Path("runs/n77").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_run", killed)
        assert launch.main([flag]) == 130
    (command,) = commands.read(tmp_path / "mine.txt", None, launch.parse)
    assert marks.read(tmp_path / "runs/queues/mine", command).state == "to do"


def test_what_works_on_a_run_that_was_made_anew_is_done_again(queue, tmp_path):
    flag = queue(1, 2, "wait", 3)
    assert launch.main([flag]) == 0
    assert launch.main([flag]) == 0
    assert order() == ["1", "2", "3"]
    Path("runs/n1").rmdir()
    assert launch.main([flag]) == 0
    assert order() == ["1", "2", "3", "1", "3"]
    assert launch.main([flag]) == 0
    assert order() == ["1", "2", "3", "1", "3"]
    # Another command of the same workdir, with no wait between.
    lines = [f"{SHAPES} --config.num_steps={n} --workdir=runs/n1\n" for n in (1, 4)]
    (tmp_path / "mine.txt").write_text("".join(lines))
    assert launch.main([flag]) == 0
    Path("runs/n1").rmdir()
    assert launch.main([flag]) == 0
    assert order()[5:] == ["4", "1", "4"]


def test_a_variable_that_names_another_workdir_makes_another_run(queue, tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text(f"{SHAPES} --config.num_steps=1 --workdir=runs/n$N\n")
    for number in ("1", "1", "2"):
        monkeypatch.setenv("N", number)
        Path(f"runs/n{number}").mkdir(parents=True, exist_ok=True)
        assert launch.main(["--queue=mine.txt"]) == 0
    assert order() == ["1", "1"]


def test_looking_never_makes_a_runner_pass_over(queue, tmp_path):
    queue(1)
    (command,) = commands.read(tmp_path / "mine.txt", None, launch.parse)
    root, stop = tmp_path / "state", threading.Event()

    def look():
        while not stop.is_set():
            marks.read(root, command)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(300):
            with marks.held(root, command) as lock:
                assert lock is not None
                assert marks.read(root, command).state == "running"
    finally:
        stop.set()
        thread.join()


def test_a_signal_and_its_echo_are_one_wish():
    program = (
        "import os, signal, time; from gen_jax.train import interrupt\n"
        "with interrupt.StopSignals() as signals:\n"
        "    os.kill(os.getpid(), signal.SIGTERM); os.kill(os.getpid(), signal.SIGTERM)\n"
        "    assert signals.received == signal.SIGTERM; print('saved', flush=True)\n"
        "    signals._since -= 1 + interrupt.ECHO\n"
        "    os.kill(os.getpid(), signal.SIGTERM); time.sleep(5); print('not reached')"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "saved\n")


def test_a_queue_of_real_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"step": 1, "kind": "train", "wall": 1.0, "loss": 2.0}\n')
    Path("mine.txt").write_text(
        f"{SHAPES} --mode=report --workdir=runs/a\n--mode=compare --runs=runs/a --workdir=runs/c\n"
    )
    assert launch.main(["--queue=mine.txt"]) == 2
    assert (run / "report.html").exists()
    assert "at least two runs" in capsys.readouterr().out
