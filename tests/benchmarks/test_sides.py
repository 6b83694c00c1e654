"""Programs timed side by side: what they answer, and what is made of it."""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import measure  # noqa: E402
import overheads  # noqa: E402
import page  # noqa: E402
import seeds  # noqa: E402
import sides  # noqa: E402
import throughput  # noqa: E402

SERVES = f"""
import sys
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
import sides
print("a library says hello")
sides.serve({{"speed": SPEED}}, lambda steps: steps * SPEED)
"""


def side(speed):
    return sides.Side([sys.executable, "-c", SERVES.replace("SPEED", str(speed))])


def test_windows_take_turns_and_are_as_long_as_asked():
    with side(0.5) as slow, side(0.125) as fast:
        assert slow.about == {"speed": 0.5}
        times = sides.interleaved({"slow": slow, "fast": fast}, seconds=2.0, windows=3)
        assert times == {"slow": [0.5] * 3, "fast": [0.125] * 3}
        assert slow.run(4) == 2.0
    assert sides.ratio(times, "fast", "slow") == {"median": 4.0, "low": 4.0, "high": 4.0}


@pytest.mark.parametrize(
    ("theirs", "median"), [([3.0], 3.0), ([1.0, 2.0], 1.5), ([9.0, 1.0, 2.0], 2.0)]
)
def test_a_ratio_is_the_median_of_pairs_and_stays_among_them(theirs, median):
    times = {"ours": [1.0] * len(theirs), "theirs": theirs}
    expected = {"median": median, "low": min(theirs), "high": max(theirs)}
    assert sides.ratio(times, "ours", "theirs") == expected


def test_a_side_that_ends_is_named_by_its_last_words():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        sides.Side([sys.executable, "-c", "1 / 0"])


def test_a_processor_is_told_by_its_vectors():
    assert sides.described("EPYC", "flags: fma avx512f avx512dq") == "EPYC, with AVX-512"
    assert sides.described("EPYC", "flags: fma avx2") == "EPYC, without AVX-512"


def test_the_floor_and_the_ratio_in_a_table():
    measured = {
        "model": "vae_cifar10",
        "batch_size": 128,
        "about": {
            "gen_jax": {"flops": 5e9, "images": 128, "jax": "1", "memory": {"memory/host": 0.5}},
            "torch eager": {
                "images": 128,
                "torch": "2",
                "memory": {"memory/host": 0.5, "memory/device": 2},
            },
        },
        "seconds": {"gen_jax": [0.1, 0.1, 0.1], "torch eager": [0.19, 0.2, 0.21]},
    }
    rows = throughput.table([measured], {"matrix product": 100.0, "convolution": 50.0}).splitlines()
    assert rows[2] == "| vae_cifar10 | 128 | gen_jax | 100.0 | 1280 |  | 0.50 | 0.50 |"
    eager = "| vae_cifar10 | 128 | torch eager | 200.0 | 640 | 2.00 (1.90 to 2.10) | 0.25 | 2.00 |"
    assert rows[3] == eager


def test_seeds_in_one_program_are_held_against_one():
    memory = {"memory/host": 1.0}
    about = {"1": {"images": 100, "memory": memory}, "4": {"images": 400, "memory": memory}}
    rows = seeds.table({"seconds": {"1": [0.1], "4": [0.2]}, "about": about}).splitlines()
    assert rows[2:] == ["| 1 | 100.0 | 1000 | 1.00 | 1.00 |", "| 4 | 200.0 | 2000 | 2.00 | 1.00 |"]


def test_devices_input_and_evaluations_in_a_table():
    times = {"1": [1.0, 1.0], "2": [1.0, 1.0], "4": [2.0, 2.0], "8": [3.0, 4.0]}
    result = {
        "start": {"cold": [3.0, 1.0, 2.0]},
        "input": {
            "seconds": {"fixed": [1.0, 2.0], "real": [1.0, 1.0]},
            "images_per_second_alone": 5e5,
        },
        "checkpoints": {"stall_seconds": 0.1, "share": 0.0002, "every": 1000},
        "devices": {"seconds": times | {overheads.ONE_OF: [0.25, 0.25]}, "work": {"8": 1.01}},
        "evaluation": {"samples": 1234.5},
    }
    assert overheads.table(result).splitlines()[2:] == [
        "| start to first step, cold | 2.0 s (1.0 to 3.0) |",
        "| real data over a fixed batch | 0.750 (0.500 to 1.000) |",
        "| batches alone, images/s | 500000 |",
        "| a checkpoint's stall | 0.100 s, 0.02 % at one in 1000 steps |",
        "| 2 virtual devices over one | 1.000 (1.000 to 1.000) |",
        "| 4 virtual devices over one | 2.000 (2.000 to 2.000) |",
        "| 8 virtual devices over one | 3.500 (3.000 to 4.000) |",
        "| 8 steps of 1/8 of the batch, one device, over one step | 2.000 (2.000 to 2.000) |",
        "| FLOPs of 8 virtual devices over those of one | 1.010 |",
        "| samples drawn, images/s | 1234 |",
    ]


def test_the_page_is_that_of_its_files():
    path = page.FOLDER / "README.md"
    assert path.read_text() == page.text(page.FOLDER)


def test_one_command_measures_all_and_writes_the_page(tmp_path, monkeypatch):
    ran = []

    def run(command, check):
        ran.append(command[1:-1])
        shutil.copy(page.FOLDER / "overheads.json", command[-1].removeprefix("--output="))

    monkeypatch.setattr(measure.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["measure.py", f"--output={tmp_path}", "--torch=python"])
    measure.main()
    assert [Path(script).name for script, *_ in ran] == [
        "overheads.py",
        "seeds.py",
        "throughput.py",
    ]
    assert ran[-1][1:] == ["--torch=python", "--batch=128", "--modes=eager,compile"]
    headings = [line for line in (tmp_path / "README.md").read_text().splitlines() if "## " in line]
    assert headings == ["## overheads", "## seeds", "## throughput"]
