"""Pictures of a trained model on request, as files: the mode `sample`."""

import argparse
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gen_jax.core.files import write_bytes
from gen_jax.errors import UserError, nearest
from gen_jax.evals.model import to_uint8
from gen_jax.job import Job, restore
from gen_jax.report import images, points


def sample(job: Job) -> None:
    """Draws pictures from the newest intact checkpoint: a grid, single PNGs and samples.npz.

    Of points in the plane there is one picture, and samples.npz.
    """
    if not 1 <= job.flags.num <= 10**6:
        raise UserError(f"--num={job.flags.num}: at least one picture, at most a million")
    if not 0 <= job.flags.seed < 2**32:
        raise UserError(f"--seed={job.flags.seed}: must be at least 0 and below 2**32")
    if job.flags.labels is not None and not job.config.conditional:
        raise UserError("--labels: this model is not conditional (conditional=False); leave it out")
    model = restore(job)
    names = model.test.spec.class_names if job.config.conditional else ("sample",)
    chosen = _labels(job.flags.labels, names)
    labels = np.sort(np.resize(np.arange(len(chosen)), job.flags.num))
    labels = chosen[labels].astype(np.int32)
    drawn = model.sample(labels, seed=job.flags.seed)
    folder = job.workdir / "generated" / _folder_name(job.flags, model.step)
    if model.test.spec.modes:
        drawn, kind = drawn.reshape(-1, 2), "points"
        images.save_png(folder / "grid.png", points.picture(drawn, np.array(model.test.spec.modes)))
    else:
        drawn, kind = to_uint8(drawn), "pictures"
        _write_pictures(folder, drawn, [names[label] for label in labels])
    buffer = io.BytesIO()
    np.savez(buffer, arr_0=drawn, labels=labels)
    write_bytes(folder / "samples.npz", buffer.getvalue())
    print(f"{len(drawn)} {kind} of step {model.step} in {folder}")


def _write_pictures(folder: Path, pictures: np.ndarray, names: Sequence[str]) -> None:
    """Pictures uint8 [n, H, W, C], each in a PNG that bears its name, and all in grid.png."""
    for i, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        images.save_png(folder / f"{i:05}_{name.replace('/', '-')}.png", picture)
    columns = min(len(pictures), max(8, int(len(pictures) ** 0.5)))
    blank = np.full((-len(pictures) % columns, *pictures.shape[1:]), 255, np.uint8)
    cells = np.concatenate([pictures, blank]).reshape(-1, columns, *pictures.shape[1:])
    images.save_png(folder / "grid.png", images.grid(cells, upscale=2))


def _labels(text: str | None, names: tuple[str, ...]) -> np.ndarray:
    """Class indices of comma-separated names or numbers; all of them for None."""
    if text is None:
        return np.arange(len(names))
    known = {name: i for i, name in enumerate(names)}
    known |= {str(i): i for i in range(len(names)) if str(i) not in known}
    chosen = []
    for label in (part.strip() for part in text.split(",")):
        if label not in known:
            raise UserError(f"--labels: no class {label!r}; {nearest(label, names)}")
        chosen.append(known[label])
    return np.array(chosen)


def _folder_name(flags: argparse.Namespace, step: int) -> str:
    """A folder of its own for each distinct request."""
    name = f"step{step}_seed{flags.seed}_num{flags.num}"
    if flags.labels is None:
        return name
    label = flags.labels.replace(" ", "").replace(",", "-").replace("/", "-")
    if len(label) > 60:
        label = hashlib.sha256(label.encode()).hexdigest()[:12]
    return f"{name}_{label}"
