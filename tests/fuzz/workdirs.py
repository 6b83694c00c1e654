"""Workdirs to be damaged, and reports of them without Matplotlib, which would take the time."""

import contextlib
import json
from pathlib import Path

import numpy as np

from gen_jax import config as configs
from gen_jax.report import axes, images
from gen_jax.report.document import Text

CONFIG = {
    "config": configs.to_json(configs.base()) | {"eval_epochs": [1.0, 2.5]},
    "digest": "0123456789abcdef" * 4,
    "name": "cvae_gan_shapes",
    "data": {"shape": [8, 8, 3], "class_names": ["a", "b"], "num_train": 8, "num_test": 2},
}
ENVIRONMENT = {
    "python": "3.11.7",
    "devices": ["cpu:0", "cpu:1"],
    "device_kind": "cpu",
    "device_count": 2,
    "git_commit": "abcdef0123456789",
    "git_dirty": True,
    "command": "python run.py",
    "resumed": [{"step": 2, "command": "python run.py", "python": "3.12.1"}],
    "parameters": {"encoder": 12, "generator": 13},
}
EVALUATION = {
    "name": "reconstruction",
    "step": 6,
    "split": "test",
    "num_examples": 100,
    "values": {"mse": 0.5, "psnr": 20.0, "kl/0": 1.0},
    "errors": {"mse": 0.1},
    "units": {"mse": "mean over pixels", "psnr": "dB"},
    "protocol": {"latent": "mean", "of": {"mse": {"bits": 3}}, "absent": {"fid": "no weights"}},
    "verdict": "Fine.",
}
RECORDS = [
    {"step": step, "wall": 10.0 + step, "kind": kind, "mse": 1 / (1 + step), "epoch": step / 2}
    for step in range(1, 7)
    for kind in (("train", "eval") if step % 2 == 0 else ("train",))
]


def write(root: Path, seed: int = 0, **contents: object) -> Path:
    """A small finished run, with other contents of its JSON files where any are given."""
    for folder in ("evals", "samples"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    config = CONFIG | {"config": CONFIG["config"] | {"seed": seed}}
    files = {"config": config, "environment": ENVIRONMENT, "evals/reconstruction": EVALUATION}
    for name, content in (files | contents).items():
        text = content if isinstance(content, str) else json.dumps(content)
        (root / f"{name}.json").write_bytes(text.encode(errors="surrogatepass"))
    (root / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in RECORDS))
    images.save_png(root / "samples" / "step_00000002.png", np.zeros((4, 4, 3), np.uint8))
    return root


@contextlib.contextmanager
def undrawn():
    """Charts are planned and captioned, not drawn."""
    real = axes.charts

    def charts(name, plots, caption, columns=3):
        return Text(f"{name} {[plot[:2] for plot in plots]} {caption}")

    axes.charts = charts
    try:
        yield
    finally:
        axes.charts = real
