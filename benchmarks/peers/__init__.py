"""The other side of `throughput.py`: the same models in PyTorch."""
