"""Features of real images, kept by what they are of."""

import numpy as np
import pytest

from gen_jax.evals import real_features
from gen_jax.features import extractor
from tests.evals import toy

TRAIN = toy.split(toy.noise_images(60, (8, 8, 1), seed=1))


def test_real_features_are_kept_by_the_content_of_images(weights, tmp_path, monkeypatch):
    seer = extractor.of_classifier(weights, TRAIN.spec)
    found, digest = real_features.of_split(seer, TRAIN, 60, tmp_path, "")
    (file,) = tmp_path.iterdir()

    def never(*args):
        raise AssertionError("computed again")

    kept, again = real_features.of_split(seer._replace(extract=never), TRAIN, 60, tmp_path, "")
    assert again == digest
    np.testing.assert_array_equal(kept["classifier"], found["classifier"])
    altered = TRAIN.images.copy()
    altered[3, 0, 0, 0] ^= 1
    other = toy.split(altered)
    with pytest.raises(AssertionError, match="computed again"):
        real_features.of_split(seer._replace(extract=never), other, 60, tmp_path, "")
    file.write_bytes(file.read_bytes()[:200])
    mended, _ = real_features.of_split(seer, TRAIN, 60, tmp_path, "")
    np.testing.assert_array_equal(mended["classifier"], found["classifier"])


def test_a_cache_that_cannot_be_written_is_done_without(weights, tmp_path):
    (tmp_path / "taken").write_text("a file where a folder should be")
    seer = extractor.of_classifier(weights, TRAIN.spec)
    found, _ = real_features.of_split(seer, TRAIN, 60, tmp_path / "taken" / "cache", "")
    assert len(found["classifier"]) == 60


def test_an_interruption_costs_a_block_of_real_features(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(real_features, "BLOCK", 25)
    seer = extractor.of_classifier(weights, TRAIN.spec)
    whole, digest = real_features.of_split(seer, TRAIN, 60, None, "")
    lengths = []

    def dying(blocks, progress):
        (block,) = blocks
        if len(lengths) == 1:
            raise KeyboardInterrupt
        lengths.append(len(block))
        return seer.extract(iter([block]), progress)

    with pytest.raises(KeyboardInterrupt):
        real_features.of_split(seer._replace(extract=dying), TRAIN, 60, tmp_path, "")
    kept = real_features.of_split(seer._replace(extract=dying), TRAIN, 25, tmp_path, "")[0]
    assert lengths == [25]
    np.testing.assert_array_equal(kept["classifier"], whole["classifier"][:25])
    found, again = real_features.of_split(seer, TRAIN, 60, tmp_path, "")
    assert (again, len(list(tmp_path.iterdir()))) == (digest, 3)
    for tap, features in found.items():
        np.testing.assert_allclose(features, whole[tap], rtol=1e-6, atol=1e-6)
