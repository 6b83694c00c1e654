import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets

from gen_jax import data
from gen_jax.data import tfds, tfds_files
from gen_jax.errors import UserError
from tests.data.prepared import KINDS, features, png, prepare, record, section, shards


@pytest.fixture
def directory(tmp_path):
    prepare(tmp_path, {"train": shards(4, 3), "test": shards(2)}, KINDS)
    return tmp_path


def test_reads_images_labels_and_names_in_record_order(directory):
    split = tfds.load(section(directory), "train")
    assert split.spec == ("mnist", (6, 4, 1), 2, ("even", "odd"), 7, (), (), 0.0)
    assert split.images.flags.c_contiguous
    np.testing.assert_array_equal(split.images[:, 5, 3, 0], 10 * np.arange(7))
    np.testing.assert_array_equal(split.images[:, 0, 0, 0], 255)
    np.testing.assert_array_equal(split.labels, np.arange(7) % 2)
    test = tfds.load(section(directory), "test")
    assert (len(test), test.spec.num_examples) == (2, 7)


def test_any_name_but_the_sources_is_looked_for_in_tfds(directory):
    assert len(data.load(section(directory), "test")) == 2
    with pytest.raises(UserError, match="'train' or 'test'"):
        data.load(section(directory), "val")


def test_streaming_gives_what_memory_gives(directory):
    memory = tfds.load(section(directory), "train")
    indices = np.array([6, 0, 3, 3, 5])
    streamed = tfds.load(section(directory, stream=True), "train").gather(indices)
    np.testing.assert_array_equal(streamed["image"], memory.images[indices])
    np.testing.assert_array_equal(streamed["label"], memory.labels[indices])


def test_the_environment_variable_and_a_prepared_folder_itself(directory, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(directory))
    assert len(tfds.load(section(None), "train")) == 7
    assert len(tfds.load(section(directory / "mnist/3.0.1"), "train")) == 7
    with pytest.raises(UserError, match="holds 'mnist', not 'cifar10'"):
        tfds.load(section(directory / "mnist/3.0.1", name="cifar10"), "train")


def test_another_version_than_the_installed_code_knows(tmp_path):
    prepare(tmp_path, {"train": shards(2), "test": shards(1)}, KINDS, version="7.0.0")
    assert len(tfds.load(section(tmp_path), "train")) == 2


def test_a_data_set_that_only_its_files_know(tmp_path):
    prepare(tmp_path, {"train": shards(2), "test": shards(1)}, KINDS, name="my_own")
    assert tfds.load(section(tmp_path, name="my_own"), "train").spec.name == "my_own"


def test_resized_converted_and_limited(directory):
    config = section(directory, image_size=4, channels=3, num_train=3)
    split = tfds.load(config, "train")
    assert split.images.shape == (3, 4, 4, 3)
    assert split.spec.num_examples == 3
    # The centre square has lost the white corner.
    np.testing.assert_array_equal(split.images[:, 0, 0], np.repeat([[0], [10], [20]], 3, axis=1))


def test_without_a_test_split_every_tenth_image_is_held_out(tmp_path):
    prepare(tmp_path, {"train": shards(8, 13)}, KINDS)
    train, test = (tfds.load(section(tmp_path), split) for split in ("train", "test"))
    assert test.images[:, 5, 3, 0].tolist() == [0, 100, 200]
    assert len(train) == train.spec.num_examples == test.spec.num_examples == 18


def test_validation_stands_in_for_test(tmp_path):
    prepare(tmp_path, {"train": shards(4), "validation": shards(3)}, KINDS)
    assert len(tfds.load(section(tmp_path), "train")) == 4
    assert len(tfds.load(section(tmp_path), "test")) == 3


def test_zero_one_images_become_black_and_white(tmp_path):
    bits = np.indices((4, 4)).sum(0)[..., None].astype(np.uint8) % 2
    records = [[{"image": png(bits)}] * 3]
    prepare(
        tmp_path, {"train": records, "test": records}, {"image": features.Image(shape=(4, 4, 1))}
    )
    split = tfds.load(section(tmp_path), "train")
    np.testing.assert_array_equal(split.images[0], 255 * bits)


def test_labels_by_name_or_none_at_all(directory, tmp_path):
    by_size = tfds.load(section(directory, label="size"), "train")
    assert by_size.spec.class_names == ("0", "1", "2", "3", "4")
    np.testing.assert_array_equal(by_size.labels, np.arange(7) % 5)
    unlabelled = tfds.load(section(directory, label=""), "train")
    assert unlabelled.spec.class_names == ("all",)
    assert not unlabelled.labels.any()
    with pytest.raises(UserError, match=r"no class label 'colour'.*label, size"):
        tfds.load(section(directory, label="colour"), "train")


def test_labels_outside_the_classes_are_refused(tmp_path):
    kinds = {"image": KINDS["image"], "label": features.ClassLabel(num_classes=3)}
    bad = [[{"image": record(0)["image"], "label": -1}]]
    prepare(tmp_path, {"train": bad, "test": bad}, kinds)
    with pytest.raises(UserError, match="label -1"):
        tfds.load(section(tmp_path), "train")


def test_varying_sizes_need_an_image_size(tmp_path):
    varying = [[record(0), record(1, (9, 7, 1)) | {"label": 1}]]
    prepare(tmp_path, {"train": varying, "test": varying}, KINDS | {"image": features.Image()})
    with pytest.raises(UserError, match=r"--config\.data\.image_size"):
        tfds.load(section(tmp_path), "train")
    assert tfds.load(section(tmp_path, image_size=4), "train").images.shape == (2, 4, 4, 3)


def test_no_images_and_wrong_class_count(tmp_path, directory):
    with pytest.raises(UserError, match=r"data\.num_train must be"):
        tfds.load(section(directory, num_train=-1), "train")
    with pytest.raises(UserError, match="num_classes is 9"):
        tfds.load(section(directory, num_classes=9), "train")
    kinds = {"label": KINDS["label"]}
    prepare(tmp_path / "b", {"train": [[{"label": 1}]]}, kinds)
    with pytest.raises(UserError, match="has no images, only label"):
        tfds.load(section(tmp_path / "b"), "train")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_file_is_named(directory, damage):
    path = directory / "mnist/3.0.1/mnist-train.array_record-00001-of-00002"
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "flip":
        at = content.index(b"IHDR")
        content[at : at + 4] = b"XXXX"
        path.write_bytes(content)
    else:
        path.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    with pytest.raises(UserError, match=r"train\.array_record-00001-of-00002.*(damaged|no known)"):
        tfds.load(section(directory), "train")


def test_a_record_that_is_no_image_is_named(tmp_path):
    records = [[record(0), {"image": b"not an image", "label": 0, "size": 0}]]
    prepare(tmp_path, {"train": records, "test": records}, KINDS)
    with pytest.raises(UserError, match=r"mnist-train.*record 1: not a readable image"):
        tfds.load(section(tmp_path), "train")


def test_a_tfrecord_directory_is_recognised(tmp_path):
    prepare(tmp_path, {"train": shards(1)}, KINDS, file_format="tfrecord")
    with pytest.raises(UserError, match=r"prepared as tfrecord.*--file_format=array_record"):
        tfds.load(section(tmp_path), "train")


def test_unknown_names_get_their_nearest(tmp_path):
    with pytest.raises(UserError, match=r"unknown data set 'cifar_100'.*cifar100"):
        tfds.load(section(tmp_path, name="cifar_100"), "train")
    with pytest.raises(UserError, match=r"nearest:.*stacked_mnist"):
        tfds.load(section(tmp_path, name="stacked_mnis"), "train", others=("stacked_mnist",))
    for nonsense in ("", "../../etc", "mnist:x", "mnist/no_such_config", "mnist:9.9.9"):
        with pytest.raises(UserError) as caught:
            tfds.load(section(tmp_path, name=nonsense), "train")
        assert "\n" not in str(caught.value)


def test_absent_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        tfds.load(section(tmp_path), "train")
    for hint in ("mnist", str(tmp_path), "'.[tf]'", "TFDS_DATA_DIR", "data.name=shapes"):
        assert hint in str(caught.value)


@pytest.fixture
def hidden(monkeypatch):
    """Puts a TensorFlow in place and returns the devices it was told to leave alone."""
    calls = []
    config = SimpleNamespace(
        set_visible_devices=lambda devices, kind: calls.append((devices, kind))
    )
    fake = SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    monkeypatch.setattr(tfds_files.importlib.util, "find_spec", lambda name: fake)
    return calls


def test_absent_without_network(tmp_path, hidden, monkeypatch):
    def unreachable(url, timeout):
        raise OSError("no route to host")

    monkeypatch.setattr(tfds_files.urllib.request, "urlopen", unreachable)
    with pytest.raises(UserError, match=r"no network.*data\.name=shapes"):
        tfds.load(section(tmp_path), "train")


def test_prepared_on_first_use(tmp_path, directory, hidden, monkeypatch):
    def download_and_prepare(builder, *, file_format):
        assert file_format == "array_record"
        shutil.copytree(directory / "mnist/3.0.1", builder.data_dir)

    monkeypatch.setattr(tfds_files, "_answers", lambda url: True)
    builder = tensorflow_datasets.core.DatasetBuilder
    monkeypatch.setattr(builder, "download_and_prepare", download_and_prepare)
    assert len(tfds.load(section(tmp_path / "new"), "train")) == 7
    assert hidden == [([], "GPU")]


def test_a_failing_preparation_is_one_line(tmp_path, hidden, monkeypatch):
    def full(builder, *, file_format):
        raise OSError(28, "No space left\non device")

    monkeypatch.setattr(tfds_files, "_answers", lambda url: True)
    monkeypatch.setattr(tensorflow_datasets.core.DatasetBuilder, "download_and_prepare", full)
    with pytest.raises(UserError, match="No space left on device"):
        tfds.load(section(tmp_path), "train")


def test_without_tfds_itself(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UserError, match=r"'mnist' is not packed at .*gen_jax\.data\.pack"):
        tfds.load(section(tmp_path), "train")


def test_importing_the_package_imports_no_tfds():
    code = (
        "import sys, gen_jax.data; "
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
