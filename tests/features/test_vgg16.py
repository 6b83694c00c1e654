import numpy as np
import pytest

from gen_jax.errors import UserError
from gen_jax.features import load

torch = pytest.importorskip("torch")

WIDTHS = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512)
ENDS = (3, 8, 15, 22)  # relu1_2, relu2_2, relu3_3, relu4_3 in torchvision's numbering


@pytest.fixture(scope="module")
def net():
    """torchvision's vgg16().features[:23], with random weights that keep activations alive."""
    generator = torch.Generator().manual_seed(0)
    modules, channels = [], 3
    for width in WIDTHS:
        if width == "pool":
            modules.append(torch.nn.MaxPool2d(2, 2))
            continue
        convolution = torch.nn.Conv2d(channels, width, 3, padding=1)
        torch.nn.init.normal_(
            convolution.weight, 0, (2 / (9 * channels)) ** 0.5, generator=generator
        )
        torch.nn.init.uniform_(convolution.bias, -0.3, 0.3, generator=generator)
        modules += [convolution, torch.nn.ReLU()]
        channels = width
    return torch.nn.Sequential(*modules).eval()


@pytest.fixture(scope="module")
def path(net, tmp_path_factory):
    """Its checkpoint, with a head that nobody reads."""
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    state = {f"features.{name}": value for name, value in net.state_dict().items()}
    torch.save(state | {"classifier.0.weight": torch.ones(2, 2)}, path)
    return path


def reference(net, images):
    """torchvision's own recipe: [0, 1], ImageNet's moments, then the network."""
    x = (torch.from_numpy(images).permute(0, 3, 1, 2) + 1) / 2
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    x, maps = (x - mean) / std, []
    with torch.no_grad():
        for i, module in enumerate(net):
            x = module(x)
            if i in ENDS:
                maps.append(x.permute(0, 2, 3, 1).numpy())
    return maps


def images(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(2, 16, 16, 3), (1, 21, 14, 3)])
def test_features_are_torchs(net, path, shape):
    x = images(*shape)
    features = load("vgg16", str(path), (), shape[1:])
    assert features.layers == (0, 1, 2, 3)
    for ours, theirs in zip(features.apply(x), reference(net, x), strict=True):
        assert ours.shape == theirs.shape
        assert theirs.std() > 0.1
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_an_npz_of_the_same_names_does_as_well(net, path, tmp_path):
    arrays = {f"features.{name}": value.numpy() for name, value in net.state_dict().items()}
    np.savez(tmp_path / "vgg16.npz", **arrays)
    x = images(1, 8, 8, 3)
    ours, theirs = (
        load("vgg16", str(file), (1,), (8, 8, 3)).apply(x)[0]
        for file in (tmp_path / "vgg16.npz", path)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_grey_is_as_much_red_as_green_and_blue(net, path):
    grey = images(2, 8, 8, 1)
    ours = load("vgg16", str(path), (2, 0), (8, 8, 1)).apply(grey)
    theirs = reference(net, np.repeat(grey, 3, axis=-1))
    np.testing.assert_allclose(ours[0], theirs[2], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours[1], theirs[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ((4,), (32, 32, 3), r"no layer 4; there are 0 \(relu1_2\), 1 \(relu2_2\), 2"),
        ((), (32, 32, 2), "sees 1 or 3 channels, not 2"),
        ((0, 3), (32, 7, 3), r"nothing of 32x7 pixels is left at layer 3 \(relu4_3\)"),
    ],
)
def test_images_and_layers_that_do_not_fit_are_refused(path, layers, shape, message):
    with pytest.raises(UserError, match=message):
        load("vgg16", str(path), layers, shape)


def test_another_vggs_weights_are_refused(net, tmp_path):
    # VGG-19 has a fourth convolution where VGG-16 pools: its later numbers are shifted.
    state = {f"features.{name}": value for name, value in net.state_dict().items()}
    state["features.10.weight"] = torch.ones(256, 256, 3, 3)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"features.10.weight is \[256, 256, 3, 3\], not \[256, 1"):
        load("vgg16", str(tmp_path / "other.pth"), (), (32, 32, 3))
