"""Why a number is not there: what a family lacks, what an evaluation says, or that none was."""

from fnmatch import fnmatchcase

from gen_jax.report.comparison import stability
from gen_jax.report.comparison.measures import Row, mapping
from gen_jax.report.comparison.models import Model, without_seed

# The networks of a family, and the one that an evaluation cannot do without.
_NETWORKS = {
    "vae": ("encoder", "generator"),
    "gan": ("generator", "discriminator"),
    "cvae_gan": ("encoder", "generator", "discriminator"),
    "classifier": (),
}
_NEEDS = {
    **dict.fromkeys(("reconstruction", "yardsticks", "nll", "latents", "probe"), "encoder"),
    **dict.fromkeys(("disentanglement", "anomaly", "denoising", "ex_post"), "encoder"),
    **dict.fromkeys(("samples", "modes", "classified", "inversion"), "generator"),
    **dict.fromkeys(("inception", "fd_classifier", "cas", "augmentation"), "generator"),
    **dict.fromkeys(("discrimination", "dynamics", "feature_svm"), "discriminator"),
}
# The same of some of an evaluation's quantities, by pattern; the first that matches counts.
_NEEDS_OF = {
    "similarity": (("ms_*", "generator"), ("*", "encoder")),
    "samples": (("sharpness_reconstructions", "encoder"),),
}
# Quantities that only samples drawn for a label have.
_OF_LABELS = (
    *("cas", "cas_real", "class_agreement", "intra_class_distance*"),
    *("ms_ssim_within*", "variance_within_class", "variance_between_classes"),
)
# The file that an evaluation looks at images through.
_FILES = {
    "inception": "eval.inception_weights",
    "fd_classifier": "eval.classifier",
    "classified": "eval.classifier",
}


def reason(model: Model, row: Row, place: int, rows: tuple[Row, ...]) -> str:
    """Why a model has no number in a row, in a few words."""
    alike = [r for r in rows if (r.evaluation, r.quantity) == (row.evaluation, row.quantity)]
    if any(place in other.cells for other in alike):
        return "other protocol"
    return why(model, row.evaluation, row.quantity)


def why(model: Model, evaluation: str, quantity: str) -> str:
    """Why no run of a model has a quantity of an evaluation.

    An evaluation that could not measure something says so in its protocol: `absent` there is
    {quantity: reason}.
    """
    if evaluation == "stability":
        index = stability.measure(model.members[0].run)
        return index if isinstance(index, str) else "not measured"
    if evaluation == "compute":
        return "not recorded"
    contents = [content for member in model.members for content in member.run.evals]
    contents = [content for content in contents if content["name"] == evaluation]
    for content in contents:
        said = mapping(mapping(content, "protocol"), "absent")
        if quantity in said:
            return str(said[quantity])
    unable = lacking(model, evaluation, quantity)
    if unable or contents:
        return unable or "not measured"
    key = _FILES.get(evaluation)
    configs = [without_seed(member) for member in model.members]
    if key is not None and all(key in config and not config[key] for config in configs):
        return f"{key} not given"
    return "not evaluated"


def lacking(model: Model, evaluation: str, quantity: str) -> str:
    """What a model lacks that a quantity needs, "no encoder"; "" for nothing, or not known."""
    networks = _NETWORKS.get(str(model.settings.get("family")))
    needed = [_NEEDS[evaluation]] if evaluation in _NEEDS else []
    patterns = _NEEDS_OF.get(evaluation, ())
    needed += [need for pattern, need in patterns if fnmatchcase(quantity, pattern)][:1]
    missing = [need for need in needed if networks is not None and need not in networks]
    if missing:
        return f"no {missing[0]}"
    conditional = model.settings.get("conditional")
    of_labels = evaluation == "cas" or any(fnmatchcase(quantity, each) for each in _OF_LABELS)
    if of_labels and conditional is False:
        return "its samples have no label"
    return ""
