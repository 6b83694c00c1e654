"""How well a GAN's discriminator tells test images from samples, and how sure of it it is."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit

from gen_jax.evals.model import Model, Result
from gen_jax.families.gan_options import looks_across
from gen_jax.losses import adversarial

BINS = 15

UNITS = {
    "d/real": "mean logit, test images",
    "d/fake": "mean logit, samples",
    "d/accuracy_real": "share of test images on the real side of the game's boundary",
    "d/accuracy_fake": "share of samples on the other side",
    "d_accuracy": "mean of both; chance 0.5",
    "d_auc": "probability that a test image's logit exceeds a sample's; chance 0.5",
    "d_confidence": "mean max(p, 1 - p), p the probability of being real",
    "d_ece": f"expected calibration error, {BINS} bins of confidence",
    "overconfidence": "nats, slope of the NLL in the log of the logits' scale",
    "g_slope": "mean |d loss/d logit| of the generator at samples, 1 at the boundary",
    "loss/generator": "mean, as in training, of the game alone",
    "loss/discriminator": "mean, as in training, of the game alone",
}


def judged(model: Model) -> bool:
    """Whether a discriminator is all that measures the model: it draws samples and encodes none."""
    family = model.family
    return family.metrics is not None and family.sample is not None and family.encode is None


def evaluate(model: Model, count: int | None = None) -> Result | None:
    """Of the first `count` test images (default: all) and as many samples of their labels.

    None for families with an encoder, or without a discriminator that `metrics` asks about both.
    Wasserstein's critic has no boundary, so no accuracy either: `d_auc` stands for it. `g_slope` is
    what a saturated loss takes from the generator's gradient: near 0 for minimax's against a
    discriminator that is sure of the samples, about 2 for its non-saturating counterpart.
    """
    if not judged(model):
        return None
    count = min(count or len(model.test), len(model.test))
    # A discriminator that looks across images is shown as many at a time as in training.
    size = min(model.config.batch_size, count) if looks_across(model.config) else None
    metrics = model.metrics(count - count % size if size else count, size)
    if not {"d/real", "d/fake"} <= metrics.keys():
        return None
    real, fake, loss = metrics["d/real"], metrics["d/fake"], model.config.loss
    game = adversarial.smoothed(loss.adversarial, loss.real_label, loss.fake_label)
    values = {name: float(value.mean()) for name, value in metrics.items()}
    values["d_auc"] = auc(real, fake)
    if game.boundary is not None:
        right = np.mean(real > game.boundary), np.mean(fake < game.boundary)
        values["d/accuracy_real"], values["d/accuracy_fake"] = map(float, right)
        values["d_accuracy"] = float(np.mean(right))
        values["g_slope"] = float(jnp.mean(adversarial.slope(game, jnp.asarray(fake, jnp.float32))))
    if loss.adversarial in adversarial.PROBABILISTIC:
        sure, correct = confidences(real, fake)
        values["d_confidence"] = float(sure.mean())
        values["d_ece"] = calibration_error(sure, correct)
        sides = ((jnp.asarray(real), True), (jnp.asarray(fake), False))
        excess = [adversarial.overconfidence(*side) for side in sides]
        values["overconfidence"] = float(np.mean(excess))
    values = {name: values[name] for name in [*UNITS, *values] if name in values}
    return Result(
        values=values,
        units={name: UNITS.get(name, "") for name in values},
        protocol={
            "split": "test",
            "num_examples": len(real),
            "seed": model.config.seed,
            "adversarial": loss.adversarial,
            "boundary": game.boundary,
            "judged_together": size or 1,
        },
        verdict=verdict(values),
    )


def auc(real: Float[np.ndarray, "n"], fake: Float[np.ndarray, "m"]) -> float:
    """P(D(real) > D(fake)), ties counting half."""
    # Here, not above: scikit-learn takes a second to import.
    from sklearn.metrics import roc_auc_score

    is_real = np.repeat([True, False], [len(real), len(fake)])
    return float(roc_auc_score(is_real, np.concatenate([real, fake])))


def confidences(
    real: Float[np.ndarray, "n"], fake: Float[np.ndarray, "m"]
) -> tuple[Float[np.ndarray, "n+m"], Bool[np.ndarray, "n+m"]]:
    """max(p, 1 - p) of each logit's p = sigmoid(logit), and whether the likelier side is right."""
    logits = np.concatenate([real, fake])
    return expit(np.abs(logits)), np.concatenate([real > 0, fake < 0])


def calibration_error(
    confidence: Float[np.ndarray, "n"], correct: Bool[np.ndarray, "n"], bins: int = BINS
) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): mean |accuracy - confidence| of bins.

    Bins divide (0, 1] evenly, closed above, and count by the examples in them. Of two classes the
    likelier has a probability of 0.5 at least, so that those below are empty.
    """
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def verdict(values: dict[str, float]) -> str:
    """The sentence that the numbers carry."""
    text = f"A test image is above a sample with probability {values['d_auc']:.2f}"
    if "d_accuracy" in values:
        text += f"; the discriminator is right about {values['d_accuracy']:.2f} of both"
    if "d_confidence" in values:
        text += f", {values['d_confidence']:.2f} sure of itself on average"
    return text + "."
