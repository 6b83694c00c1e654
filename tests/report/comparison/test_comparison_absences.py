"""A number that is not there says why: the family, the config, the evaluation, or nobody asked."""

import pytest

from gen_jax.report.comparison import absences, measures
from tests.report.comparison.fabricated import content_of, log


@pytest.mark.parametrize(
    ("changes", "evaluation", "expected"),
    [
        ({"family": "gan"}, "reconstruction", "no encoder"),
        ({"family": "gan"}, "latents", "no encoder"),
        ({"family": "gan"}, "dynamics", "not evaluated"),
        ({"family": "vae"}, "dynamics", "no discriminator"),
        ({"family": "vae"}, "nll", "not evaluated"),
        ({"family": "cvae_gan"}, "dynamics", "not evaluated"),
        ({"family": "classifier"}, "samples", "no generator"),
        ({"family": "unheard_of"}, "nll", "not evaluated"),
        ({}, "unheard_of", "not evaluated"),
        ({"family": "gan"}, "probe", "no encoder"),
        ({"conditional": True}, "probe", "not evaluated"),
        ({"conditional": False}, "cas", "its samples have no label"),
        ({"conditional": True}, "cas", "not evaluated"),
        ({"eval": {"inception_weights": None}}, "inception", "eval.inception_weights not given"),
        ({"eval": {"inception_weights": "a.npz"}}, "inception", "not evaluated"),
        ({"eval": {"classifier": None}}, "fd_classifier", "eval.classifier not given"),
        ({"eval": {"classifier": None}}, "classified", "eval.classifier not given"),
        ({"family": "classifier"}, "fd_classifier", "no generator"),
        ({}, "compute", "not recorded"),
    ],
)
def test_what_a_family_or_a_config_rules_out(run, grouped, changes, evaluation, expected):
    run("a", name="a", changes=changes, evals=[])
    run("b", name="b")
    assert absences.why(grouped()[0], evaluation, "any") == expected


def test_an_evaluation_that_was_made_lacks_one_of_its_numbers(run, grouped):
    said = {"fid": "weights absent: the file ends before it"}
    content = content_of("inception", {"kid_768": 0.1}, protocol={"absent": said})
    run("a", name="a", evals=[content], changes={"family": "gan"})
    run("b", name="b")
    model = grouped()[0]
    assert absences.why(model, "inception", "fid") == said["fid"]
    assert absences.why(model, "inception", "is") == "not measured"
    assert absences.why(model, "fd_classifier", "fid") == "not evaluated"


@pytest.mark.parametrize("evaluated", [True, False])
@pytest.mark.parametrize(
    ("family", "evaluation", "quantity", "expected"),
    [
        ("gan", "similarity", "ssim", "no encoder"),
        ("gan", "similarity", "feature_distance", "no encoder"),
        ("gan", "similarity", "ms_ssim", ""),
        ("gan", "similarity", "ms_ssim_within", "its samples have no label"),
        ("vae", "similarity", "ssim", ""),
        ("classifier", "similarity", "ms_ssim", "no generator"),
        ("gan", "samples", "sharpness_reconstructions", "no encoder"),
        ("gan", "samples", "sharpness_samples", ""),
        ("gan", "samples", "variance_within_class", "its samples have no label"),
        ("vae", "samples", "sharpness_reconstructions", ""),
        ("vae", "classified", "class_agreement", "its samples have no label"),
        ("classifier", "classified", "class_agreement", "no generator"),
        ("vae", "classified", "classes_found", ""),
        ("vae", "inception", "intra_class_distance", "its samples have no label"),
        ("vae", "fd_classifier", "intra_class_distance_classifier", "its samples have no label"),
        (
            "vae",
            "fd_classifier",
            "intra_class_distance_real_classifier",
            "its samples have no label",
        ),
    ],
)
def test_what_is_ruled_out_of_one_quantity(
    run, grouped, evaluated, family, evaluation, quantity, expected
):
    evals = [content_of(evaluation, {"other": 1.0})] if evaluated else []
    run("a", name="a", changes={"family": family}, evals=evals)
    run("b", name="b", changes={"conditional": True})
    models = grouped()
    otherwise = "not measured" if evaluated else "not evaluated"
    assert absences.why(models[0], evaluation, quantity) == (expected or otherwise)


def test_samples_of_a_conditional_model_have_labels(run, grouped):
    for name in ("a", "b"):
        evals = [content_of("classified", {"classes": 10})]
        run(name, name=name, changes={"conditional": True}, evals=evals)
    assert absences.why(grouped()[0], "classified", "class_agreement") == "not measured"


def test_what_an_evaluation_says_comes_first_and_is_of_one_quantity(run, grouped):
    said = {"floor/fid": "too few test images", "class_agreement": "said so"}
    run("a", name="a", evals=[content_of("inception", {"fid": 3.0}, protocol={"absent": said})])
    run("b", name="b")
    model = grouped()[0]
    assert absences.why(model, "inception", "floor/fid") == "too few test images"
    assert absences.why(model, "inception", "floor/kid") == "not measured"
    assert absences.why(model, "inception", "class_agreement") == "said so"


def test_a_file_that_one_seed_has_is_given(run, grouped):
    for seed, path in ((1, None), (2, "a.npz")):
        run(f"a{seed}", seed=seed, changes={"eval": {"classifier": path}}, evals=[])
    (model,) = grouped()
    assert absences.why(model, "classified", "classes_found") == "not evaluated"


def test_a_number_under_another_protocol_is_in_another_row(run, grouped):
    run("a", name="a")
    run("b", name="b", evals=[content_of("reconstruction", {"mse": 0.1}, num_examples=3)])
    models = grouped()
    rows = measures.rows(models)
    mse = [row for row in rows if row.quantity == "mse"]
    assert absences.reason(models[1], mse[0], 1, rows) == "other protocol"
    assert absences.reason(models[0], mse[1], 0, rows) == "other protocol"


def test_a_log_that_gives_no_stability_says_why(run, grouped):
    run("a", name="a", rows=log(last=20))
    run("b", name="b")
    assert absences.why(grouped()[0], "stability", "stability") == "fewer than 20 records"
