"""A made-up finished run: smooth curves with noise, discs as images, awkward names on purpose."""

import json
from pathlib import Path

import numpy as np
import pytest

from gen_jax.report import images

NAMES = ("apple", "aquarium_fish", 'a <b> & "c"', "d|e", "lamp")
NUM_CLASSES, SIDE = len(NAMES), 16


def disc(label: int, size: float, x: float, y: float) -> np.ndarray:
    """A disc coloured by its class on a soft background, uint8 [SIDE, SIDE, 3]."""
    row, column = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)
    inside = np.clip((size - np.hypot(row - y, column - x)) * SIDE, 0, 1)[..., None]
    hue = 2 * np.pi * label / NUM_CLASSES + np.array([0, 2.1, 4.2])
    background = 0.75 + 0.15 * row[..., None] * np.sin(hue + 1)
    return np.uint8(255 * (inside * (0.5 + 0.45 * np.cos(hue)) + (1 - inside) * background))


def fabricate_metrics(file: Path, steps: int = 600, every: int = 2) -> None:
    """A log with one interruption: steps up to 300 are written, 280 to 300 then come again."""
    noise = np.random.default_rng(0)
    order = [*range(every, 301, every), *range(280, steps + 1, every)]
    lines = []
    for count, step in enumerate(order):
        t = step / steps
        kl = 55 * t**0.4 + noise.normal()
        wall = 1.7e9 + 0.5 * step + (900 if count >= 150 else 0)
        scalars = {
            "mse": 0.03 + 0.5 * np.exp(-20 * t) + 0.003 * noise.random(),
            "kl": kl,
            "active_dims": float(round(100 * (1 - np.exp(-8 * t)))),
            "loss/reconstruction": 92 + 1500 * np.exp(-20 * t) + 9 * noise.random(),
            "loss/kl": 0.2 * kl,
            "loss/adversarial": 0.9 + 0.2 * noise.normal(),
            "loss/discriminator": 1.1 - 0.4 * t + 0.1 * noise.normal(),
            "loss/total": 104 + 1500 * np.exp(-20 * t) + 9 * noise.random(),
            "share/reconstruction": 0.9 - 0.05 * t,
            "share/adversarial": 0.1 + 0.05 * t,
            "d/real": 0.6 + t + 0.2 * noise.normal(),
            "d/reconstructed": -0.3 - t + 0.2 * noise.normal(),
            "d/prior": -0.5 - t + 0.2 * noise.normal(),
            "lambda": 2 * (1 - np.exp(-6 * t)),
            "images_per_second": 520 + 15 * noise.normal(),
            "penalty/gradient": 0.1 * noise.random(),
            "epoch": 4 * t,
        }
        lines.append({"step": step, "wall": wall, "kind": "train", **scalars})
        if step % 100 == 0:
            evaluated = {"mse": 0.036 + 0.3 * np.exp(-12 * t), "kl": kl + 1}
            lines.append({"step": step, "wall": wall, "kind": "eval", **evaluated})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def fabricate_figures(file: Path) -> None:
    """Arrays as an evaluation leaves them; reconstructions are darker than their originals."""
    random = np.random.default_rng(1)
    labels = np.arange(NUM_CLASSES, dtype=np.int32)

    def some(label: int) -> np.ndarray:
        return disc(label, *random.uniform([0.2, 0.3, 0.3], [0.4, 0.7, 0.7]))

    originals = np.stack([some(label) for label in labels])
    ends = np.stack([np.stack([some(label), some((label + 1) % NUM_CLASSES)]) for label in labels])
    weights = np.linspace(0, 1, 7)[:, None, None, None]
    paths = np.stack([np.uint8((1 - weights) * a + weights * b) for a, b in ends])
    file.parent.mkdir(exist_ok=True)
    np.savez(
        file,
        class_grid=np.stack([np.stack([some(label) for _ in range(8)]) for label in labels]),
        class_grid_labels=labels,
        reconstruction_input=originals,
        reconstruction_output=np.uint8(0.8 * originals),
        reconstruction_labels=labels,
        interpolation=paths,
        interpolation_ends=ends,
        interpolation_labels=np.stack([labels, (labels + 1) % NUM_CLASSES], axis=1),
        class_names=np.array(NAMES),
    )


def fabricate_explorations(file: Path) -> None:
    """Adds what evaluations of an unconditional VAE leave beside the arrays of every model."""
    random = np.random.default_rng(3)
    arrays = dict(np.load(file))
    for name in ("class_grid", "class_grid_labels"):
        del arrays[name]

    def discs(*shape: int) -> np.ndarray:
        found = [disc(i % NUM_CLASSES, *random.random(3)) for i in range(int(np.prod(shape)))]
        return np.stack(found).reshape(*shape, SIDE, SIDE, 3)

    labels = np.arange(40, dtype=np.int32) % NUM_CLASSES
    np.savez(
        file,
        **arrays,
        samples=discs(3, 6),
        interpolation_spherical=arrays["interpolation"],
        traversal=discs(3, 11),
        traversal_dims=np.array([4, 0, 7]),
        traversal_values=np.linspace(-3, 3, 11),
        traversal_kl=np.array([2.2, 1.25, 0.03]),
        manifold=discs(4, 4),
        arithmetic=discs(2, 6),
        arithmetic_labels=np.array([[0, 1], [1, 0]]),
        latent_pca=random.normal(size=(40, 2)),
        latent_pca_explained=np.array([0.31, 0.12]),
        latent_tsne=random.normal(size=(40, 2)),
        latent_labels=labels,
        kl_per_dimension=np.array([0.5, 2.0, 1.0]),
        factor_information=random.random((3, 2)),
        factor_names=np.array(["shape", "x_position"]),
        nll_curve=np.array([104.0, 102, 101]),
        nll_curve_k=np.array([1, 10, 100]),
        anomaly_scores=random.normal(100, 10, 40),
        anomaly_is=labels == 0,
        anomaly_most=discs(4),
        anomaly_most_labels=labels[:4],
        anomaly_least=discs(4),
        anomaly_least_labels=labels[4:8],
        denoise=discs(2, 3, 4),
        denoise_names=np.array(["gaussian", "salt_and_pepper"]),
    )


def fabricate(root: Path) -> Path:
    """A complete workdir."""
    root.mkdir(parents=True, exist_ok=True)
    config = {
        "seed": 42,
        "batch_size": 128,
        "num_steps": 600,
        "data": {"name": "shapes", "dir": None, "note": 'x < y & "z" | <script>'},
        "model": {"widths": [64, 128], "beta": 0.2},
    }
    stored = {"config": config, "digest": "0123456789abcdef" * 4, "name": "cvae_gan_shapes"}
    (root / "config.json").write_text(json.dumps(stored))
    environment = {
        "python": "3.11.7",
        "jax": "0.10.2",
        "platform": "cpu",
        "devices": ["TFRT_CPU"] * 8,
        "device_count": 8,
        "git_commit": "abcdef0123456789",
        "git_dirty": True,
        "command": "python run.py --config=configs/cvae_gan_shapes.py",
        "resumed": [{"step": 280, "command": "python run.py", "jax": "0.10.3", "platform": "cpu"}],
        "parameters": {"encoder": 1_234_567, "generator": 2_345_678, "discriminator": 345_678},
    }
    (root / "environment.json").write_text(json.dumps(environment))
    fabricate_metrics(root / "metrics.jsonl")
    fabricate_figures(root / "evals" / "figures.npz")
    evaluation = {
        "name": "reconstruction",
        "step": 600,
        "split": "test",
        "num_examples": 10_000,
        "values": {"kl": 55.4, "mse": 0.03612, "psnr": 20.4, "mse_largest": 0.2901},
        "units": {"mse": "mean over pixels, [−1, 1]", "kl": "nats per image", "psnr": "dB"},
        "protocol": {"latent": "posterior mean", "batch_size": 500, "weights": {"ema": True}},
        "verdict": "Test MSE 0.0361 is below the bar of 0.04; 51 of 64 dimensions are active.",
    }
    (root / "evals" / "reconstruction.json").write_text(json.dumps(evaluation))
    random = np.random.default_rng(2)
    for step in range(100, 601, 100):
        discs = [[disc(c, 0.05 * step / 100, *random.random(2)) for c in range(5)] for _ in "abcd"]
        images.save_png(root / "samples" / f"step_{step:08d}.png", images.grid(np.array(discs)))
    return root


@pytest.fixture
def lean(tmp_path: Path) -> Path:
    """A complete workdir but for its log, three records of one scalar: quick to draw."""
    root = fabricate(tmp_path / "run")
    rows = [{"step": step, "wall": 10.0 * step, "kind": "train", "mse": 0.5} for step in (1, 2, 3)]
    (root / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A complete workdir of its own for each test."""
    return fabricate(tmp_path / "run")


@pytest.fixture
def rich(lean: Path) -> Path:
    """A workdir with every array that any evaluation leaves, quick to draw."""
    fabricate_explorations(lean / "evals" / "figures.npz")
    return lean
