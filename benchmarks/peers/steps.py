"""One training step of each model in PyTorch: the same objective and updates as the family's.

A step takes images in [-1, 1], channels last, labels and, for tests, the noise it would draw. It
logs its losses, as tensors, and nothing else. What goes forwards between two updates of a network
is in one `autocast`, so that its weights are cast once; what goes backwards is in none.
"""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

Noise = Any
Step = Callable[..., dict[str, Tensor]]
Autocast = Callable[[], AbstractContextManager]
"""() -> what forward passes run under: `torch.autocast`, or nothing."""


def adam(config: dict[str, Any], name: str, module: nn.Module, **options: Any) -> torch.optim.Adam:
    """The optimizer of one network."""
    section = config["optimizer"]
    betas = (section["b1"], section["b2"])
    return torch.optim.Adam(module.parameters(), config[name]["lr"], betas, **options)


def make(
    config: dict[str, Any],
    nets: nn.ModuleDict,
    options: dict[str, Any],
    autocast: Autocast = nullcontext,
) -> tuple[Step, dict[str, torch.optim.Adam]]:
    """The step of a config's family and its optimizers, with `options` (fused, capturable)."""
    optimizers = {name: adam(config, name, net, **options) for name, net in nets.items()}
    step = {"vae": vae, "gan": gan, "cvae_gan": cvae_gan}[config["family"]](
        config, nets, optimizers, autocast
    )
    return step, optimizers


def normal(like: Tensor, *shape: int) -> Tensor:
    """Standard normal noise, where and as precise as the parameters are."""
    return torch.randn(*shape, device=like.device)


def kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(q || N(0, I)), summed over dimensions, batch mean, nats."""
    return 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean()


def vae(
    config: dict[str, Any], nets: nn.ModuleDict, optimizers: dict[str, Any], autocast: Autocast
) -> Step:
    """Gaussian likelihood of standard deviation sqrt(1/2), so |x - x'|^2, and beta KL."""
    encoder, generator = nets["encoder"], nets["generator"]
    beta = config["loss"]["beta"]

    def step(images: Tensor, labels: Tensor, noise: Noise = None) -> dict[str, Tensor]:
        with autocast():
            mean, logvar = encoder(images, labels)
            noise = normal(mean, *mean.shape) if noise is None else noise
            outputs = generator(mean + torch.exp(0.5 * logvar) * noise, labels).tanh()
            reconstruction = (images - outputs).square().sum((1, 2, 3)).mean()
            regulariser = beta * kl(mean, logvar)
        for optimizer in optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        (reconstruction + regulariser).backward()
        for optimizer in optimizers.values():
            optimizer.step()
        return {"reconstruction": reconstruction.detach(), "kl": regulariser.detach()}

    return step


REAL = {
    "non_saturating": lambda logits: F.softplus(-logits).mean(),
    "hinge": lambda logits: F.relu(1 - logits).mean(),
}
FAKE = {
    "non_saturating": lambda logits: F.softplus(logits).mean(),
    "hinge": lambda logits: F.relu(1 + logits).mean(),
}
GENERATOR = {
    "non_saturating": lambda logits: F.softplus(-logits).mean(),
    "hinge": lambda logits: -logits.mean(),
}


def gan(
    config: dict[str, Any], nets: nn.ModuleDict, optimizers: dict[str, Any], autocast: Autocast
) -> Step:
    """`n_critic` updates of the discriminator, then the generator on the last fakes."""
    generator, discriminator = nets["generator"], nets["discriminator"]
    game = config["loss"]["adversarial"]
    average = copy.deepcopy(generator) if config["ema_decay"] else None
    for parameter in average.parameters() if average is not None else ():
        parameter.requires_grad_(False)
    critics = config["n_critic"]

    def step(images: Tensor, labels: Tensor, noise: Noise = None) -> dict[str, Tensor]:
        """`images` [n_critic, b, ...]."""
        for draw in range(critics):
            real = images[draw]
            z = normal(real, len(real), config["z_dim"]) if noise is None else noise[draw]
            # Only the last fakes are differentiated as far as the generator.
            with autocast(), torch.set_grad_enabled(draw == critics - 1):
                fakes = generator(z, labels[draw]).tanh()
            optimizers["discriminator"].zero_grad(set_to_none=True)
            with autocast(), parametrize.cached():  # one power iteration for both
                judged = discriminator(real, labels[draw])
                judged_fakes = discriminator(fakes.detach(), labels[draw])
                critic_loss = REAL[game](judged) + FAKE[game](judged_fakes)
            critic_loss.backward()
            optimizers["discriminator"].step()
        optimizers["generator"].zero_grad(set_to_none=True)
        discriminator.requires_grad_(False)
        discriminator.eval()  # no power iteration here
        with autocast():
            loss = GENERATOR[game](discriminator(fakes, labels[-1]))
        loss.backward()
        discriminator.train().requires_grad_(True)
        optimizers["generator"].step()
        if average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(average.parameters()),
                    list(generator.parameters()),
                    1 - config["ema_decay"],
                )
        return {"discriminator": critic_loss.detach(), "generator": loss.detach()}

    return step


def cvae_gan(
    config: dict[str, Any], nets: nn.ModuleDict, optimizers: dict[str, Any], autocast: Autocast
) -> Step:
    """Relative lambda and lambda', every network at once; D sees fakes once for both players.

    Of those it sees reconstructions only where `loss.judge_reconstructions` says so.
    """
    encoder, generator, discriminator = (
        nets[name] for name in ("encoder", "generator", "discriminator")
    )
    loss = config["loss"]
    game, judged = loss["adversarial"], loss["judge_reconstructions"]
    weights = {"near": 1.0, "free": loss["prior_weight"]}

    def step(images: Tensor, labels: Tensor, noise: Noise = None) -> dict[str, Tensor]:
        both = torch.cat([labels, labels])
        with autocast():
            mean, logvar = encoder(images, labels)
            if noise is None:
                noise = normal(mean, 2, *mean.shape)
            z = torch.cat([mean + torch.exp(0.5 * logvar) * noise[0], noise[1]])
            fakes = generator(z, both).tanh()
            regulariser = loss["beta"] * kl(mean, logvar)

            # 1. Pulls at the pictures, and the discriminator's loss.
            near, free = (half.detach().requires_grad_() for half in fakes.split(len(images)))
            reconstruction = (images - near).square().sum((1, 2, 3)).mean()
            shown = {"near": near, "free": free} if judged else {"free": free}
            logits = {name: discriminator(x, labels) for name, x in shown.items()}
            paid = {name: GENERATOR[game](each) for name, each in logits.items()}
            adversarial = sum(weights[name] * each for name, each in paid.items()) / 2
            real = discriminator(images, labels)
            fake_loss = sum(FAKE[game](each) for each in logits.values()) / len(logits)
            critic_loss = REAL[game](real) + fake_loss
        (pull,) = torch.autograd.grad(reconstruction, near)
        adversaries = torch.autograd.grad(adversarial, list(shown.values()), retain_graph=True)
        pulls = {"near": pull, "free": torch.zeros_like(pull)}
        for name, adversary in zip(shown, adversaries, strict=True):
            ratio = torch.clamp(pull.norm() / (adversary.norm() + 1e-12), 0.0, 1e4)
            pulls[name] = pulls[name] + loss["lambda_adv"] * weights[name] * ratio * adversary

        # 2. Encoder and generator.
        for optimizer in optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward([regulariser, fakes], [None, torch.cat(list(pulls.values()))])

        # 3. The discriminator.
        critic_loss.backward(inputs=list(discriminator.parameters()))
        for optimizer in optimizers.values():
            optimizer.step()
        return {
            "reconstruction": reconstruction.detach(),
            "kl": regulariser.detach(),
            "adversarial": adversarial.detach(),
            "discriminator": critic_loss.detach(),
        }

    return step
