"""Why a number is not there: what a family lacks, what an evaluation says, or that none was."""

from gen_jax.report.comparison import stability
from gen_jax.report.comparison.measures import Row, mapping
from gen_jax.report.comparison.models import Model

# The networks of a family, and the one that an evaluation cannot do without.
_NETWORKS = {
    "vae": ("encoder", "generator"),
    "gan": ("generator", "discriminator"),
    "cvae_gan": ("encoder", "generator", "discriminator"),
    "classifier": (),
}
_NEEDS = {
    **dict.fromkeys(("reconstruction", "yardsticks", "nll", "latents", "probe"), "encoder"),
    **dict.fromkeys(("disentanglement", "anomaly", "denoising"), "encoder"),
    **dict.fromkeys(("samples", "modes", "classified", "inversion"), "generator"),
    **dict.fromkeys(("inception", "fd_classifier", "cas"), "generator"),
    **dict.fromkeys(("discrimination", "dynamics", "feature_svm"), "discriminator"),
}
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
    if contents:
        return "not measured"
    return lacking(model, evaluation) or "not evaluated"


def lacking(model: Model, evaluation: str) -> str:
    """What a model lacks that an evaluation needs, "no encoder"; "" for nothing, or not known."""
    networks = _NETWORKS.get(str(model.settings.get("family")))
    needed = _NEEDS.get(evaluation)
    if networks is not None and needed is not None and needed not in networks:
        return f"no {needed}"
    if evaluation == "probe" and model.settings.get("conditional"):
        return "its encoder is told the label"
    if evaluation == "cas" and model.settings.get("conditional") is False:
        return "its samples have no label"
    key = _FILES.get(evaluation)
    if key is not None and key in model.settings and not model.settings[key]:
        return f"{key} not given"
    return ""
