"""Made-up runs of a few records and numbers, as small as a comparison can be of."""

import json
from pathlib import Path

import numpy as np

SIDE = 8


def merged(base, changes):
    """A nested dict with some of its values replaced."""
    out = dict(base)
    for name, value in changes.items():
        out[name] = merged(out.get(name, {}), value) if isinstance(value, dict) else value
    return out


def config_of(seed, changes):
    config = {
        "family": "vae",
        "seed": seed,
        "batch_size": 10,
        "log_every": 2,
        "eval_epochs": [1, 2],
        "conditional": False,
        "data": {"name": "shapes", "num_test": 0},
        "loss": {"beta": 1.0},
        "eval": {"examples": 50},
    }
    return merged(config, changes)


def content_of(name, values, **more):
    """An evaluation's file; `more` replaces its parts."""
    protocol = {"seed": 1, "config_digest": "ab", "method": "exact"}
    content = {"name": name, "step": 80, "split": "test", "num_examples": 500, "values": values}
    return merged(content | {"units": {}, "protocol": protocol}, more)


def log(losses=None, last=80, **scalars):
    """Training records at every second step, and evaluations after two epochs of 40 steps."""
    steps = range(2, last + 1, 2)
    losses = [100.0 / step for step in steps] if losses is None else losses
    for step, loss in zip(steps, losses, strict=True):
        row = {"step": step, "wall": float(step), "kind": "train", "epoch": step / 40}
        yield row | {"loss/total": loss, "images_per_second": 50.0} | scalars
        if step % 40 == 0:
            yield {"step": step, "wall": step + 0.5, "kind": "eval", "mse": 1.0 / step}


def figures_of(shade):
    """Arrays as evaluations leave them; `shade` tells models apart, the test images are equal."""
    images = np.arange(6 * SIDE * SIDE, dtype=np.uint8).reshape(6, SIDE, SIDE, 1)

    def flat(*shape):
        return np.full((*shape, SIDE, SIDE, 1), shade, np.uint8)

    return {
        "samples": flat(3, 4),
        "reconstruction_input": images,
        "reconstruction_output": flat(6),
        "interpolation": flat(4, 5),
        "interpolation_ends": np.stack([images[:4], images[1:5]], axis=1),
    }


def make(
    folder: Path,
    seed=1,
    name="vae",
    evals=None,
    rows=None,
    figures=None,
    changes=None,
    **environment,
) -> Path:
    """Writes a workdir; by default one evaluation, a short log and no figures."""
    (folder / "evals").mkdir(parents=True)
    # Runs of two names are two models.
    config = config_of(seed, {"tag": name} | (changes or {}))
    (folder / "config.json").write_text(
        json.dumps({"config": config, "digest": f"{seed:064x}", "name": name})
    )
    known = {
        "device_kind": "cpu",
        "device_count": 1,
        "git_commit": "abcdef0123456789",
        "git_dirty": False,
        "parameters": {"encoder": 1000, "generator": 2000},
    }
    (folder / "environment.json").write_text(json.dumps(known | environment))
    rows = log() if rows is None else rows
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for content in [content_of("reconstruction", {"mse": 0.5})] if evals is None else evals:
        (folder / "evals" / f"{content['name']}.json").write_text(json.dumps(content))
    if figures is not None:
        np.savez(folder / "evals" / "figures.npz", **figures)
    return folder
