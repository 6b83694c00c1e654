"""Writes inception_referee.json: what other people's Inception-v3 makes of weights a seed gives.

It takes torch-fidelity, pytorch-fid and PyTorch's interpolation, which the tests do not need; no
published weights are read. By hand, from the repository's root::

    python -m venv referees && referees/bin/pip install torch-fidelity pytorch-fid
    referees/bin/python tests/features/make_inception_referee.py
"""

import json
import tempfile
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("inception_referee.json")
SEED = 20_151_205
TAPS = ("64", "192", "768", "2048", "logits_unbiased", "logits")
SIZES = (((5, 7), (11, 9)), ((32, 32), (299, 299)), ((401, 350), (299, 299)), ((9, 6), (9, 6)))
"""Pairs of sizes that are interpolated between."""


def state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Weights of a PyTorch port by name; activations neither vanish nor grow along the network."""
    return {name: _weight(name, shape) for name, shape in shapes.items()}


def _weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    # NumPy never changes this generator's streams (NEP 19); those of newer ones it may.
    rng = np.random.RandomState(SEED ^ zlib.crc32(name.encode()))
    low, high = -0.3, 0.3
    if name.endswith((".bn.weight", ".running_var")):
        low, high = 0.5, 1.5
    elif len(shape) > 1:  # He et al. 2015
        high = (6 / np.prod(shape[1:])) ** 0.5
        low = -high
    return rng.uniform(low, high, shape).astype(np.float32)


def images(*shape: int) -> np.ndarray:
    """uint8 of any shape: noise upon a slope, so that no two rows look alike."""
    noise = np.random.RandomState(SEED + sum(shape)).uniform(0, 1, shape)
    slope = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    return np.round(255 * (0.6 * noise + 0.4 * slope)).astype(np.uint8)


def shown(features: np.ndarray) -> dict[str, list[list[float]]]:
    """Sixteen of an image's features [n, d], and the norm of all."""
    some = features[:, :: features.shape[1] // 16][:, :16]
    return {"some": rounded(some), "norm": rounded(np.linalg.norm(features, axis=1)[:, None])}


def spread(pixels: np.ndarray) -> np.ndarray:
    """Forty or so of an array's numbers [n, 1]."""
    return pixels.reshape(-1, 1)[:: max(1, pixels.size // 40)]


def rounded(rows: np.ndarray) -> list[list[float]]:
    """To nine digits, which float32 is told apart by."""
    return [[float(f"{number:.9g}") for number in row] for row in rows]


def main() -> None:
    """Asks the referees."""
    import pytorch_fid.inception
    import torch
    import torchvision
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    def channels_first(pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()

    plain = torchvision.models.inception_v3(
        num_classes=1008, aux_logits=False, init_weights=False
    ).state_dict()
    shapes = {name: tuple(x.shape) for name, x in plain.items() if x.is_floating_point()}
    weights = {name: torch.from_numpy(x) for name, x in state(shapes).items()}
    complete = plain | weights

    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/weights.pth"
        torch.save(complete, file)
        fidelity = FeatureExtractorInceptionV3("inception", list(TAPS), file)
    # torch-fidelity takes (x - 128) / 128 where pytorch-fid takes 2x / 255 - 1.
    fidelity.Conv2d_1a_3x3.register_forward_pre_hook(
        lambda _, args: (2 * (args[0] * 128 + 128) / 255 - 1,)
    )
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: complete
    fid = pytorch_fid.inception.InceptionV3([0, 1, 2, 3]).eval()

    with torch.no_grad():
        large = fidelity(channels_first(images(2, 299, 299, 3)))
        small = fid(channels_first(images(2, 40, 36, 3)).float() / 255)
        interpolated = [
            torch.nn.functional.interpolate(
                channels_first(images(2, *size, 3)).float() / 255,
                size=target,
                mode="bilinear",
                align_corners=False,
            )
            for size, target in SIZES
        ]
    content = {
        "versions": {
            name: version(name) for name in ("torch", "torch-fidelity", "pytorch-fid", "numpy")
        },
        "torch-fidelity": {
            tap: shown(features.numpy()) for tap, features in zip(TAPS, large, strict=True)
        },
        "pytorch-fid": {
            tap: shown(maps.mean((2, 3)).numpy()) for tap, maps in zip(TAPS, small, strict=False)
        },
        "interpolate": [
            rounded(spread(pixels.permute(0, 2, 3, 1).numpy())) for pixels in interpolated
        ],
    }
    PATH.write_text(json.dumps(content, indent=1) + "\n")
    for name in ("torch-fidelity", "pytorch-fid"):
        print(name, {tap: values["norm"] for tap, values in content[name].items()})


if __name__ == "__main__":
    main()
