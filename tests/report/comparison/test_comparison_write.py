"""A comparison as it is written: whole, self-contained, the same every time, honest about gaps."""

import html.parser
import json
import re
import subprocess
import sys

import pytest

from gen_jax import launch
from gen_jax.errors import UserError
from gen_jax.report import comparison
from tests.report.comparison.fabricated import content_of, figures_of, log

SECTIONS = [
    "Trade-offs",
    "Runs",
    "Methodology",
    "Results by epoch",
    "Final metrics",
    "Training curves",
    "Samples",
    "Reconstructions",
    "Latent interpolations",
    "Training stability",
    "Compute",
    "Verdicts",
]


class Page(html.parser.HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag


@pytest.fixture
def study(tmp_path, run):
    """Two models of two seeds and one of another family; gives the runs as --runs names them."""
    verdict = "Posterior in use: all of <it>."
    for seed in (1, 2):
        for folder, beta, mse in (("plain", 1.0, 0.5), ("beta", 4.0, 0.9)):
            latents = content_of("latents", {"kl": 3.0}, verdict=verdict)
            reconstruction = content_of("reconstruction", {"mse": mse + seed / 100})
            run(
                f"runs/{folder}{seed}",
                seed=seed,
                changes={"loss": {"beta": beta}},
                evals=[latents, reconstruction],
                figures=figures_of(90),
                rows=log(kl=float(seed)),
            )
    samples = content_of("samples", {"sharpness_samples": 0.9})
    run("runs/gan", name="gan", changes={"family": "gan"}, evals=[samples], git_dirty=True)
    return [str(tmp_path / "runs" / "*")]


def written(study, out):
    page = comparison.write(study, out)
    assert page == out / "report.html"
    return (out / "report.md").read_text(), page.read_text()


def row_of(markdown, section, head):
    """The cells of the first row of a section that begins so."""
    part = markdown.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    line = next(line for line in part.splitlines() if line.startswith(f"| {head}"))
    return [cell.strip() for cell in line.strip("|").split(" | ")][1:]


def test_every_section_is_there_with_its_numbers(study, tmp_path):
    markdown, page = written(study, tmp_path / "out")
    assert re.findall(r"^## (.*)$", markdown, re.MULTILINE) == SECTIONS
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    assert "3 models · 5 runs · data shapes" in markdown
    # beta1 and beta2 come first by name: 0.91 and 0.92, 0.51 and 0.52.
    spread = "0.0071"
    expected = [f"0.9150 ± {spread}", "*no encoder*", f"**0.5150 ± {spread}**"]
    assert row_of(markdown, "Final metrics", "`mse ↓`") == expected
    expected = ["*not evaluated*", "0.9", "*not evaluated*"]
    assert row_of(markdown, "Trade-offs", "sample sharpness") == expected
    assert row_of(markdown, "Trade-offs", "FID ↓") == ["*not evaluated*"] * 3
    assert row_of(markdown, "Methodology", "`loss.beta`") == ["`4.0`", "*not read*", "`1.0`"]
    assert row_of(markdown, "Compute", "images seen") == ["800"] * 3
    said = "One seed only: gan. No spread, hence no winner where they have a number."
    assert said in markdown
    assert "where its lead over each of the others exceeds both spreads in quadrature" in markdown
    assert markdown.count("One seed only") == 1
    assert "`abcdef0123 + changes`" in markdown
    assert "> Posterior in use: all of &lt;it&gt;. (latents)" in markdown
    assert "No reconstructions of gan: family gan has no encoder." in page


def test_the_page_needs_nothing_but_itself(study, tmp_path):
    _, page = written(study, tmp_path / "out")
    tags = Page(page).tags
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    for _, attributes in tags:
        for name in ("src", "href", "xlink:href", "srcset", "poster"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,"))
    assert sum(tag == "img" for tag, _ in tags) > 5
    assert "://" not in page
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links} <= set(ids)
    assert len(links) == len(SECTIONS)


def test_markdown_refers_to_pictures_that_exist_and_to_all_of_them(study, tmp_path):
    markdown, _ = written(study, tmp_path / "out")
    paths = re.findall(r"!\[[^\]]*\]\((.*?)\)", markdown)
    pictures = (tmp_path / "out" / "report").iterdir()
    assert set(paths) == {f"report/{file.name}" for file in pictures}
    assert len(paths) == len(set(paths)) >= 4


def test_the_same_runs_give_the_same_bytes_anywhere(study, tmp_path):
    def contents(out):
        written(study, out)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        return {str(file.relative_to(out)): file.read_bytes() for file in files}

    first = contents(tmp_path / "one")
    assert contents(tmp_path / "two") == first
    (tmp_path / "runs").rename(tmp_path / "moved")
    study[0] = study[0].replace("/runs/", "/moved/")
    assert contents(tmp_path / "three") == first


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("config.json", "config.json absent"),
        ("environment.json", "not in its environment.json"),
        ("metrics.jsonl", "fewer than 20 records"),
        ("evals/reconstruction.json", "| *not evaluated* | *no encoder* | 0.5150 ± 0.0071 |"),
        ("evals/figures.npz", "No samples of vae, beta 4.0: evals/figures.npz is not there"),
    ],
)
def test_a_missing_or_damaged_part_is_named_and_not_fatal(study, tmp_path, part, said):
    folder = tmp_path / "runs" / "beta1"
    # Alone in its model: of several seeds the others would still be there.
    for other in (tmp_path / "runs" / "beta2").rglob("*.*"):
        other.unlink()
    (tmp_path / "runs" / "beta2" / "evals").rmdir()
    assert said not in written(study, tmp_path / "whole")[0]
    (folder / part).write_bytes(b"\x80 damaged")
    damaged, _ = written(study, tmp_path / "damaged")
    assert re.search(rf"beta1: {re.escape(part)}.*(cannot be read|cut off)", damaged)
    (folder / part).unlink()
    markdown, _ = written(study, tmp_path / "missing")
    assert said in markdown
    assert "beta1: " not in markdown


def test_runs_that_hold_next_to_nothing_can_be_compared(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "evals").mkdir(parents=True)
    markdown, _ = written([str(tmp_path / "*")], tmp_path / "out")
    assert re.findall(r"^## (.*)$", markdown, re.MULTILINE) == SECTIONS
    for line in (
        "No configuration: no run holds a config.json that can be read.",
        "No parameter counts: no environment.json lists them.",
        "No run has been evaluated yet: run --mode=evaluate in each workdir.",
        "No run holds a training record.",
        "One seed only: every model.",
        "No verdict: this run has not been evaluated.",
    ):
        assert line in markdown


def test_a_recall_of_samples_is_diversity_and_a_classifier_s_is_not(study, tmp_path):
    evals = tmp_path / "runs" / "gan" / "evals"
    for name, number in (("augmentation", "recall_scarce"), ("inception", "recall_768")):
        (evals / f"{name}.json").write_text(json.dumps(content_of(name, {number: 0.5})))
    markdown, _ = written(study, tmp_path / "out")
    section = markdown.partition("\n## Trade-offs\n")[2].partition("\n## ")[0]
    assert "recall_768" in section
    assert "recall_scarce" not in section


def test_an_evaluation_may_say_why_it_could_not_measure(study, tmp_path):
    file = tmp_path / "runs" / "gan" / "evals" / "inception.json"
    content = content_of("inception", {}, protocol={"absent": {"fid": "weights absent"}})
    file.write_text(json.dumps(content))
    markdown, _ = written(study, tmp_path / "out")
    expected = ["*not evaluated*", "*weights absent*", "*not evaluated*"]
    assert row_of(markdown, "Trade-offs", "FID ↓") == expected


def test_only_differing_configs_make_a_table_of_them(tmp_path, run):
    for seed in (1, 2):
        run(f"runs/{seed}", seed=seed)
    markdown, _ = written([str(tmp_path / "runs/*")], tmp_path / "out")
    assert "The configs differ in no key but the seed." in markdown
    assert "1 model · 2 runs" in markdown
    assert "No spread" not in markdown
    assert "No shared curves" in markdown


def test_seeds_whose_files_lie_elsewhere_say_where(tmp_path, run):
    for seed, path in ((1, "a.npz"), (2, "b.npz")):
        run(f"runs/{seed}", seed=seed, changes={"eval": {"classifier": path}})
    markdown, _ = written([str(tmp_path / "runs/*")], tmp_path / "out")
    assert "1 model · 2 runs" in markdown
    assert row_of(markdown, "Methodology", "`eval.classifier`") == ["`a.npz; b.npz`"]


def test_an_older_evaluation_gives_no_number_and_no_verdict(study, tmp_path):
    older = content_of("nll", {"nll": 81.75}, step=40, verdict="Outdated.")
    (tmp_path / "runs" / "gan" / "evals" / "nll.json").write_text(json.dumps(older))
    markdown, _ = written(study, tmp_path / "out")
    said = "gan: evaluation nll was left out: it is of step 40, the newest of step 80."
    assert said in markdown
    assert "81.75" not in markdown
    assert "Outdated." not in markdown


def test_another_commit_or_device_stands_beside_the_run(study, tmp_path):
    markdown, _ = written(study, tmp_path / "out")
    assert row_of(markdown, "Runs", "`gan`")[5:] == [
        "2",
        "`abcdef0123 + changes`",
        f"`{'0' * 10}`",
        "1 × cpu",
    ]


def test_a_folder_that_holds_a_run_keeps_its_report(study, tmp_path):
    with pytest.raises(UserError, match="holds a run, whose report would be overwritten"):
        comparison.write(study, tmp_path / "runs" / "gan")


def test_comparing_needs_neither_jax_nor_matplotlib_to_be_imported():
    code = (
        "import sys, gen_jax.report.comparison;"
        "print(sorted({'jax', 'matplotlib', 'tensorflow', 'flax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_mode_writes_the_comparison(study, tmp_path, capsys):
    out = tmp_path / "out"
    runs = f"{tmp_path / 'runs' / 'gan'}, {tmp_path / 'runs' / 'plain*'},"
    assert launch.main(["--mode=compare", f"--runs={runs}", f"--workdir={out}"]) == 0
    assert capsys.readouterr().out == f"comparison: {out / 'report.html'}\n"
    assert "2 models · 3 runs" in (out / "report.md").read_text()
