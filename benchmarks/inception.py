"""Inception-v3: `gen_jax.features.inception` against pytorch-fid's module, in pairs.

python benchmarks/inception.py [--images 32] [--repeats 5] [--blocks 1,8,32]

Both see the same images of 32x32 with the same random weights, ours by way of the loader, and give
the 2048 features of FID. They are called in turn: read the ratio of medians, not the milliseconds,
and on an idle machine, since threads of PyTorch's wait for each other where something else runs.
Takes PyTorch and pytorch-fid.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import jax
import numpy as np

from gen_jax.core import xla
from gen_jax.features import inception

try:
    import pytorch_fid.inception
    import torch
    import torchvision
except ImportError as error:
    sys.exit(f"{error}: the other side of the benchmark; pip install torch pytorch-fid")

Extract = Callable[[np.ndarray], np.ndarray]
BATCH = 50  # pytorch-fid's default


def random_state() -> dict[str, torch.Tensor]:
    """A state dict of the network whose activations keep their scale (He et al. 2015)."""
    torch.manual_seed(0)
    net = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False)
    for parameter in net.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    return net.state_dict()


def theirs(state: dict[str, torch.Tensor]) -> Extract:
    """pytorch-fid as its command line runs it, but for the published weights."""
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: state
    net = pytorch_fid.inception.InceptionV3([3]).eval()

    def extract(images: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            parts = [net(part)[0].flatten(1) for part in x.split(BATCH)]
        return torch.cat(parts).numpy()

    return extract


def ours(path: str, block: int) -> Extract:
    """The project's, from the file of a state dict."""
    net = inception.load(path, block)
    return lambda images: net.apply(images, ["2048"])["2048"]


def main() -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(description="Inception-v3 here and in pytorch-fid")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--blocks", default="1,8,32", help="images a forward pass of ours")
    flags = parser.parse_args()
    xla.prepare()  # as the launcher does; freed memory is kept for both sides
    state = random_state()
    sides = {f"pytorch-fid, {BATCH} at a time": theirs(state)}
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(state, file.name)
        for block in flags.blocks.split(","):
            sides[f"gen_jax, {block} at a time"] = ours(file.name, int(block))

    images = np.random.default_rng(0).integers(0, 256, (flags.images, 32, 32, 3), dtype=np.uint8)
    features = {name: extract(images) for name, extract in sides.items()}  # compiles, warms up
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(flags.repeats):
        for name, extract in sides.items():
            start = time.perf_counter()
            extract(images)
            times[name].append(1e3 * (time.perf_counter() - start) / flags.images)

    reference, base = next(iter(features.values())), statistics.median(next(iter(times.values())))
    print(f"JAX {jax.__version__}, torch {torch.__version__}, {jax.devices()[0].device_kind},")
    print(f"{flags.images} images, medians of {flags.repeats}\n")
    print("| side | ms an image | times as fast | largest difference |\n| --- | --- | --- | --- |")
    for name, spent in times.items():
        middle = statistics.median(spent)
        apart = np.max(np.abs(features[name] - reference)) / np.max(np.abs(reference))
        print(f"| {name} | {middle:.1f} | {base / middle:.2f} | {apart:.1e} |")


if __name__ == "__main__":
    main()
