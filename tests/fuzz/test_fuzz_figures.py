"""evals/figures.npz and samples/*.png of any content, in a report."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen_jax.report import workdir
from tests.fuzz import workdirs
from tests.fuzz.sandbox import Sandbox

FUZZ = settings(max_examples=150, suppress_health_check=list(HealthCheck))
PICTURES = {
    **dict.fromkeys(("samples", "class_grid", "interpolation", "interpolation_ends", "walk"), 5),
    **dict.fromkeys(("interpolation_spherical", "walk_spherical", "sample_arithmetic"), 5),
    **dict.fromkeys(("codes_categorical", "codes_continuous", "traversal", "manifold"), 5),
    **dict.fromkeys(("arithmetic", "classified_samples"), 5),
    **dict.fromkeys(("reconstruction_input", "reconstruction_output", "inversion_input"), 4),
    **dict.fromkeys(("inversion_output", "anomaly_most", "anomaly_least"), 4),
    "denoise": 6,
}
NUMBERS = {
    **dict.fromkeys(
        ("class_grid_labels", "reconstruction_labels", "walk_labels", "latent_labels"), 1
    ),
    **dict.fromkeys(("classified_labels", "traversal_kl", "traversal_dims", "traversal_values"), 1),
    **dict.fromkeys(("traversal_variance", "codes_values", "kl_per_dimension", "nll_curve"), 1),
    **dict.fromkeys(("nll_curve_k", "anomaly_scores", "anomaly_is", "points_radius"), 1),
    **dict.fromkeys(("class_shares", "class_shares_real", "latent_pca_explained"), 1),
    **dict.fromkeys(("sample_arithmetic_success", "manifold_labels", "anomaly_most_labels"), 1),
    **dict.fromkeys(("latent_pca", "latent_plane", "latent_tsne", "factor_information"), 2),
    **dict.fromkeys(("points_samples", "points_real", "points_modes", "classified_mask"), 2),
    **dict.fromkeys(("interpolation_labels", "arithmetic_labels", "sample_arithmetic_labels"), 2),
}
NAMES = ("class_names", "factor_names", "denoise_names")
RANKS = PICTURES | NUMBERS | dict.fromkeys(NAMES, 1)
KINDS = ("u1", "i4", "f4", "f8", "?", "c16", "U3", "S2", "M8[s]", "u8", "f2")


@st.composite
def arrays(draw, name):
    """An array with mostly the rank and kind that the report expects of this name."""
    usual = {True: "u1", name in NUMBERS: "f8", name in NAMES: "U3"}[True]
    dtype = np.dtype(usual if draw(st.integers(0, 3)) else draw(st.sampled_from(KINDS)))
    rank = RANKS[name] if draw(st.integers(0, 5)) else draw(st.integers(0, 6))
    shape = [draw(st.sampled_from((1, 2, 2, 3, 3, 5, 0))) for _ in range(rank)]
    if rank > 3 and draw(st.booleans()):
        shape[-3:] = draw(
            st.sampled_from(((8, 8, 3), (5, 70, 1), (90, 2, 3), (1, 1, 1), (4, 4, 4)))
        )
    count = int(np.prod(shape))
    if dtype.kind == "f" and draw(st.booleans()):
        numbers = draw(st.lists(st.floats(width=16) | st.just(1e300), min_size=1, max_size=6))
        with np.errstate(over="ignore"):
            return np.resize(np.array(numbers).astype(dtype), shape)
    raw = draw(st.binary(min_size=8, max_size=40)) * (count * dtype.itemsize // 8 + 1)
    return np.frombuffer(raw[: count * dtype.itemsize], dtype).reshape(shape)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("figures"))
    workdirs.write(sandbox.work)
    with workdirs.undrawn():
        yield sandbox


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("drawn"))
    workdirs.write(sandbox.work)
    (sandbox.work / "metrics.jsonl").unlink()
    return sandbox


@FUZZ
@given(st.data())
def test_a_report_of_any_arrays(sandbox, data):
    names = data.draw(st.lists(st.sampled_from(sorted(RANKS)), max_size=6, unique=True))
    file = sandbox.work / "evals" / "figures.npz"
    np.savez(file, **{name: data.draw(arrays(name)) for name in names})
    code, _ = sandbox.run("--mode=report", f"--workdir={sandbox.work}")
    assert code == 0


@settings(FUZZ, max_examples=20)
@given(st.data())
def test_any_numbers_are_drawn(drawing, data):
    names = data.draw(
        st.lists(st.sampled_from(sorted(NUMBERS)), min_size=1, max_size=3, unique=True)
    )
    file = drawing.work / "evals" / "figures.npz"
    np.savez(file, **{name: data.draw(arrays(name)) for name in (*names, "class_names")})
    code, _ = drawing.run("--mode=report", f"--workdir={drawing.work}")
    assert code == 0


@settings(FUZZ, max_examples=80)
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 255))
def test_a_report_of_any_bytes(sandbox, junk, at, byte):
    files = sandbox.work / "evals" / "figures.npz", sandbox.work / "samples" / "step_00000002.png"
    for file in files:
        workdirs.write(sandbox.work)
        np.savez(files[0], samples=np.zeros((2, 2, 4, 4, 3), np.uint8))
        content = bytearray(file.read_bytes())
        content[at % len(content)] ^= byte
        file.write_bytes(bytes(content[: len(content) - 3 * len(junk)]) + junk)
        code, _ = sandbox.run("--mode=report", f"--workdir={sandbox.work}")
        assert code == 0
    assert workdir.read(sandbox.work).samples
