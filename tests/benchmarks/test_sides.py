"""Programs timed side by side: what they answer, and what is made of it."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import overheads  # noqa: E402
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
            "gen_jax": {"flops": 5e9, "images": 128, "jax": "1"},
            "torch eager": {"images": 128, "torch": "2"},
        },
        "seconds": {"gen_jax": [0.1, 0.1, 0.1], "torch eager": [0.2, 0.2, 0.2]},
        "ratios": {"torch eager": {"median": 2.0, "low": 1.9, "high": 2.1}},
    }
    rows = throughput.table([measured], {"matrix product": 100.0, "convolution": 50.0}).splitlines()
    assert rows[2] == "| vae_cifar10 | 128 | gen_jax | 100.0 | 1280 |  | 0.50 |"
    assert (
        rows[3] == "| vae_cifar10 | 128 | torch eager | 200.0 | 640 | 2.00 (1.90 to 2.10) | 0.25 |"
    )


def test_the_tables_are_made_of_what_the_files_hold():
    ratio = {"median": 1.01, "low": 1.0, "high": 1.02}
    result = {
        "start": {"cold": [12.34, 11.0, 13.0], "warm": [5.0]},
        "input": {"ratio": ratio, "images_per_second_alone": 9000.0},
        "checkpoints": {"stall_seconds": 0.05, "every": 1000, "share": 0.001},
        "devices": {"ratios": {"8": ratio}},
    }
    text = overheads.table(json.loads(json.dumps(result)))
    assert "| start to first step, cold | 12.3 s (11.0 to 13.0) |" in text
    assert "| a checkpoint's stall | 0.050 s, 0.10 % at one in 1000 steps |" in text
    assert "| 8 virtual devices over one | 1.010 (1.000 to 1.020) |" in text
