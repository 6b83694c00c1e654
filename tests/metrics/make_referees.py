"""Writes referees.json: what other people's code makes of features that a seed gives.

It takes torch-fidelity (FID, KID, precision and recall, Inception score) and prdc (precision,
recall, density, coverage), which the tests do not need. By hand, from the repository's root::

    python -m venv referees && referees/bin/pip install torch-fidelity prdc
    referees/bin/python tests/metrics/make_referees.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("referees.json")
SEED = 20_240_229
KID = {"rng_seed": SEED, "kid_subsets": 12, "kid_subset_size": 100}
NEIGHBOURS = (1, 3, 5)
SPLITS = 7


def features() -> tuple[np.ndarray, np.ndarray]:
    """Real [300, 64] and generated [260, 64], as pooled features are: not negative, correlated."""
    # NumPy never changes this generator's streams (NEP 19); those of newer ones it may.
    rng = np.random.RandomState(SEED)
    mixing = 0.2 * rng.normal(size=(24, 64))
    real = rng.normal(size=(300, 24)) @ mixing + 0.3 * rng.normal(size=(300, 64))
    fake = 0.6 * rng.normal(size=(260, 24)) @ mixing + 0.4 * rng.normal(size=(260, 64))
    return np.maximum(real + 1, 0), np.maximum(fake + 1.2, 0)


def logits() -> np.ndarray:
    """Logits [205, 10]: the number of splits does not divide that of the samples."""
    return 2 * np.random.RandomState(SEED + 1).normal(size=(205, 10))


def main() -> None:
    """Asks the referees."""
    import torch
    from prdc import compute_prdc
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    real, fake = features()
    real_tensor, fake_tensor = torch.from_numpy(real), torch.from_numpy(fake)
    statistics = [metric_fid.fid_features_to_statistics(x) for x in (real_tensor, fake_tensor)]
    answers = {
        "versions": {name: version(name) for name in ("torch-fidelity", "prdc", "torch", "numpy")},
        "fid": metric_fid.fid_statistics_to_metric(*statistics, verbose=False),
        "kid": metric_kid.kid_features_to_metric(real_tensor, fake_tensor, verbose=False, **KID),
        "isc": metric_isc.isc_features_to_metric(
            torch.from_numpy(logits()), splits=SPLITS, shuffle=False
        ),
        # torch-fidelity counts the generated ones first.
        "prc": {
            k: metric_prc.prc_features_to_metric(
                fake_tensor, real_tensor, prc_neighborhood=k, verbose=False
            )
            for k in NEIGHBOURS
        },
        "prdc": {
            k: {name: float(value) for name, value in compute_prdc(real, fake, k).items()}
            for k in NEIGHBOURS
        },
    }
    PATH.write_text(json.dumps(answers, indent=2) + "\n")


if __name__ == "__main__":
    main()
