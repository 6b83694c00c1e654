import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from gen_jax import report

SECTIONS = [
    "Summary",
    "Evaluation",
    "Training curves",
    "Samples by class",
    "Test reconstructions",
    "Latent interpolations",
    "Training progress",
    "Compute",
    "Configuration",
    "Environment",
]
VOID = {"meta", "img", "path", "use", "br"}


class Page(html.parser.HTMLParser):
    """Collects tags and text, and checks that every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def written(root):
    page = report.write(root)
    assert page == root / "report.html"
    return (root / "report.md").read_text(), page.read_text()


def test_a_complete_workdir_gives_every_section_and_no_missing_line(full):
    markdown, page = written(full)
    assert re.findall(r"^## (.*)$", markdown, re.MULTILINE) == SECTIONS
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    missing = re.findall(r'class="missing">(.*?)<', page)
    assert len(missing) == 1
    assert missing[0].startswith("metrics.jsonl: 12 steps were recorded again after a resume")
    for text in (markdown, page):
        assert "Test MSE 0.0361 is below the bar of 0.04" in text
        assert "0.03612" in text
        assert "3.93 M" in text
        assert "1 pause of 14\N{NBSP}min\N{NBSP}50\N{NBSP}s" in text
        assert "76,800" in text  # 600 steps of 128 images


def test_markdown_refers_to_pictures_that_exist_and_to_all_of_them(lean):
    markdown, _ = written(lean)
    paths = re.findall(r"!\[[^\]]*\]\((.*?)\)", markdown)
    assert set(paths) == {f"report/{file.name}" for file in (lean / "report").iterdir()}
    assert len(paths) == 4 + 5


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("config.json", "No configuration: config.json is not there"),
        ("environment.json", "No environment: environment.json is not there"),
        ("metrics.jsonl", "No training curves yet: no metrics.jsonl; run --mode=train."),
        ("evals/reconstruction.json", "No evaluation yet: run --mode=evaluate."),
        ("evals/figures.npz", "No class-conditional grid yet: evals/figures.npz is not there"),
        ("samples", "No training progress yet: samples/ holds no grid"),
    ],
)
def test_a_missing_part_says_why(lean, name, line):
    _, before = written(lean)
    assert line not in before
    path = lean / name
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
    else:
        path.unlink()
    for text in written(lean):
        assert line in text
        assert all(section in text for section in SECTIONS)


@pytest.mark.parametrize("name", ["reconstruction_output", "interpolation", "interpolation_ends"])
def test_half_of_a_picture_says_what_is_missing(lean, name):
    file = lean / "evals" / "figures.npz"
    arrays = dict(np.load(file))
    del arrays[name]
    np.savez(file, **arrays)
    assert f"evals/figures.npz was read, {name} is not in it." in written(lean)[1]


@pytest.mark.parametrize(
    "name", ["class_grid", "reconstruction_output", "interpolation", "interpolation_ends"]
)
def test_a_misshapen_array_says_so(lean, name):
    file = lean / "evals" / "figures.npz"
    arrays = dict(np.load(file))
    arrays[name] = arrays[name][0]
    np.savez(file, **arrays)
    assert f"{name} does not have the expected shape." in written(lean)[1]


def test_an_empty_workdir_still_has_a_report(tmp_path):
    markdown, page = written(tmp_path)
    assert page.count('class="missing"') == len(SECTIONS) + 1  # compute has two
    assert tmp_path.name in markdown


def test_labels_without_names_and_names_without_labels(lean):
    file = lean / "evals" / "figures.npz"
    arrays = dict(np.load(file))
    del arrays["class_names"], arrays["reconstruction_labels"]
    np.savez(file, **arrays)
    _, page = written(lean)
    assert "<span>class 4</span>" in page
    assert "<span>row 5</span>" in page


def test_gray_images_are_drawn(lean):
    file = lean / "evals" / "figures.npz"
    arrays = dict(np.load(file))
    gray = {k: v[..., :1] if v.dtype == np.uint8 else v for k, v in arrays.items()}
    np.savez(file, **gray)
    _, page = written(lean)
    assert page.count('class="missing"') == 0


def test_text_from_the_workdir_is_escaped(lean):
    markdown, page = written(lean)
    assert 'a <b> & "c"' not in page
    assert "a &lt;b&gt; &amp; &quot;c&quot;" in page
    parsed = Page(page)
    assert 'x < y & "z" | <script>' in parsed.text
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert "b" not in {tag for tag, _ in parsed.tags}
    assert r"x &lt; y &amp; \"z\" \| &lt;script&gt;".replace(r"\"", '"') in markdown


def test_the_page_needs_nothing_but_itself(full):
    _, page = written(full)
    for tag, attributes in Page(page).tags:
        assert tag not in {"script", "link", "iframe", "object"}
        for name in ("src", "href", "xlink:href", "srcset", "poster"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,"))
    assert "://" not in page
    assert "@import" not in page
    assert all(url.startswith("#") for url in re.findall(r"url\(([^)]*)\)", page))


def test_ids_are_unique_and_links_lead_somewhere(full):
    tags = Page(written(full)[1]).tags
    everything = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(everything) == len(set(everything)) > len(SECTIONS)
    ids = [attributes["id"] for tag, attributes in tags if "id" in attributes and tag == "section"]
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert len(ids) == len(set(ids)) == len(SECTIONS)
    assert links == [f"#{name}" for name in ids]


def test_the_same_workdir_gives_the_same_bytes(full):
    def contents():
        report.write(full)
        files = [full / "report.md", full / "report.html", *sorted((full / "report").iterdir())]
        return {file.name: file.read_bytes() for file in files}

    assert contents() == contents()


def test_values_that_are_not_finite_stand_out(lean):
    file = lean / "evals" / "reconstruction.json"
    content = json.loads(file.read_text())
    content["values"]["mse"] = float("nan")
    file.write_text(json.dumps(content))
    markdown, page = written(lean)
    assert '<span class="warn">NaN</span>' in page
    assert "| `mse` | NaN |" in markdown


def test_key_numbers_come_once_and_in_reading_order(lean):
    for name, values in {"a": {"kl": 1.0, "psnr": 2.0}, "b": {"novel": 3.0, "newer": 4.0}}.items():
        content = {"name": name, "step": 3, "values": values}
        (lean / "evals" / f"{name}.json").write_text(json.dumps(content))
    names = re.findall(r"<dt>(\w+)", written(lean)[1])
    assert names == ["mse", "psnr", "kl", "novel", "wall", "parameters"]


def test_key_numbers_are_of_the_whole_and_of_the_model(lean):
    values = {"pca/mig": 0.1, "mig": 0.4, "auroc_elbo/dog": 0.7, "auroc_elbo": 0.8, "nll": 90.0}
    content = {"name": "a", "step": 3, "values": values}
    (lean / "evals" / "reconstruction.json").write_text(json.dumps(content))
    names = re.findall(r"<dt>(\w+)", written(lean)[1])
    assert names == ["nll", "mig", "auroc_elbo", "wall", "parameters"]


def test_key_numbers_of_a_gan_come_in_reading_order(lean):
    values = {
        "inversion_z_norm": 1.0,
        "inversion_mse": 0.1,
        "d_auc": 0.9,
        "svm_accuracy": 0.7,
        "classified_confidence": 0.9,
        "class_agreement": 0.8,
        "classes_found": 10.0,
        "high_quality": 0.9,
        "modes_found": 8.0,
    }
    content = {"name": "a", "step": 3, "values": values}
    (lean / "evals" / "reconstruction.json").write_text(json.dumps(content))
    names = re.findall(r"<dt>(\w+)", written(lean)[1])
    assert names == [*list(values)[:0:-1], "wall", "parameters"]


def test_what_changed_on_resume_is_in_the_environment(lean):
    assert "| `resumed at step 280` | `jax 0.10.3` |" in written(lean)[0]


def test_a_broken_sample_is_named(lean):
    (lean / "samples" / "step_00000100.png").write_bytes(b"not a picture")
    assert "Unreadable: step_00000100.png." in written(lean)[1]


def test_a_page_of_noise_stays_below_two_megabytes(full):
    random = np.random.default_rng(0)
    arrays = dict(np.load(full / "evals" / "figures.npz"))
    for name, shape in {
        "class_grid": (100, 10, 32, 32, 3),
        "reconstruction_input": (64, 32, 32, 3),
        "reconstruction_output": (64, 32, 32, 3),
        "interpolation": (10, 9, 32, 32, 3),
        "interpolation_ends": (10, 2, 32, 32, 3),
    }.items():
        arrays[name] = random.integers(0, 256, shape, np.uint8)
    arrays["class_grid_labels"] = np.arange(100)
    np.savez(full / "evals" / "figures.npz", **arrays)
    _, page = written(full)
    assert len(page) < 2_100_000
    assert "of 100 rows shown" in page


def test_importing_needs_neither_jax_nor_matplotlib():
    code = (
        "import sys, gen_jax.report, gen_jax.report.images;"
        "print(sorted({'jax', 'matplotlib', 'tensorflow', 'flax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
