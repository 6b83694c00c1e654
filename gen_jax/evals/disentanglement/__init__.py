"""Disentanglement: scores on arrays, and their evaluation on a model."""

from gen_jax.evals.disentanglement.evaluation import evaluate, scores
from gen_jax.evals.disentanglement.interventions import factor_vae, higgins
from gen_jax.evals.disentanglement.predictions import dci, factor_information, mig, sap

__all__ = ["dci", "evaluate", "factor_information", "factor_vae", "higgins", "mig", "sap", "scores"]
