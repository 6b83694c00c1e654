"""What every room stands on: keys, devices, the training state, digests, optimizers."""
