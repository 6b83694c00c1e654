"""A side of `throughput.py`: the peer of a config in PyTorch, on a fixed batch.

Takes a JSON object: "config" (the whole, as JSON), "num_classes", "mode" and "matmul" ("tf32", or
"float32", of a GPU). With the config's precision "bfloat16" forward passes run under
torch.autocast.

Modes: "eager"; "compile", every network through torch.compile; "graphs", on a GPU, the whole step
captured as a CUDA graph; "heap", on a CPU, freed memory kept as gen_jax keeps it; several of them
with "+" in between. Optimizers are fused, convolutions channels last.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import sides
import torch
from peers import networks, steps


def main() -> None:
    """Builds, warms up, serves."""
    request = json.loads(sys.argv[1])
    if "heap" in request["mode"]:
        sys.path.append(str(Path(__file__).resolve().parents[1]))
        from gen_jax.core import heap

        if not heap.keep():
            sys.exit("freed memory cannot be kept here")
    config, mode = request["config"], request["mode"]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config["seed"])
    torch.backends.cudnn.benchmark = True
    tf32 = request["matmul"] == "tf32"
    half = config.get("precision", "float32") == "bfloat16"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    nets = networks.build(config, (32, 32, 3), request["num_classes"])
    nets = nets.to(device, memory_format=torch.channels_last)
    parameters = {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}
    graphs = "graphs" in mode

    def autocast() -> torch.autocast:
        # Nothing kept from one replay of a graph may be used in another.
        return torch.autocast(device.type, torch.bfloat16, enabled=half, cache_enabled=not graphs)

    step, _ = steps.make(config, nets, {"fused": True, "capturable": graphs}, autocast)
    if "compile" in mode:
        for net in nets.values():
            net.compile()
    draws = config["n_critic"] if config["family"] == "gan" else 1
    rng = np.random.default_rng(0)
    size = (draws, config["batch_size"])
    images = torch.from_numpy(rng.integers(0, 256, (*size, 32, 32, 3), np.uint8)).to(device)
    labels = torch.from_numpy(rng.integers(0, request["num_classes"], size)).to(device)

    def train() -> dict[str, torch.Tensor]:
        scaled = (images.float() / 127.5 - 1).permute(0, 1, 4, 2, 3)
        return step(scaled, labels) if config["family"] == "gan" else step(scaled[0], labels[0])

    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    start = time.perf_counter()
    if graphs:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # what a capture must find done
            for _ in range(3):
                train()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            train()
        replay = graph.replay
    else:
        replay = train
    replay()
    synchronise()
    first = time.perf_counter() - start

    def run(count: int) -> float:
        begun = time.perf_counter()
        for _ in range(count):
            replay()
        synchronise()
        return time.perf_counter() - begun

    run(2)
    memory = {"memory/host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}
    if device.type == "cuda":
        memory["memory/device"] = torch.cuda.max_memory_allocated() / 2**30
    about = {
        "images": config["batch_size"] * draws,
        "parameters": parameters,
        "compile_seconds": first,
        "memory": memory,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    sides.serve(about, run)


if __name__ == "__main__":
    main()
