"""Maths on arrays: per-example terms and their weights. No networks, no config."""
