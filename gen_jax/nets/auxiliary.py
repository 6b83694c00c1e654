"""What a discriminator's features say beside real or fake: the class, and codes of the latent."""

import flax.linen as nn
from jaxtyping import Array, Float

from gen_jax.nets.layers import Dense, leaky_relu


class Auxiliary(nn.Module):
    """Heads on features [n, f], by name; a size of 0 leaves a head out.

    Attributes:
      num_classes: "class", logits [n, num_classes] of p(y | x), linear in the features (Odena et
        al. 2017).
      categorical: "categorical", logits [n, categorical] of InfoGAN's q(c | x).
      continuous: "continuous", means [n, continuous] of q(c | x), a Gaussian of variance 1 (Chen
        et al. 2016, appendix C, learn a deviation; most implementations fix it).
      hidden: units of the one layer both of q's heads stand on (ibid.: 128).
    """

    num_classes: int = 0
    categorical: int = 0
    continuous: int = 0
    hidden: int = 128

    @nn.compact
    def __call__(self, features: Float[Array, "n f"]) -> dict[str, Float[Array, "n k"]]:
        heads = {}
        if self.num_classes:
            heads["class"] = Dense(self.num_classes, name="class")(features)
        codes = {"categorical": self.categorical, "continuous": self.continuous}
        if any(codes.values()):
            x = leaky_relu(Dense(self.hidden, name="hidden")(features))
            heads |= {name: Dense(size, name=name)(x) for name, size in codes.items() if size}
        return heads
