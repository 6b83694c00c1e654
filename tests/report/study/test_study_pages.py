"""The pages of this repository hold what their records say: no number on them is stale."""

from pathlib import Path

import pytest

from gen_jax import config as configs
from gen_jax.report import study
from gen_jax.report.study import blocks, markers

ROOT = Path(__file__).parents[3]
STUDIES = sorted(path.parent for path in ROOT.glob("docs/results/*/records"))
PAGES = [ROOT, ROOT / "docs" / "results", *STUDIES]


@pytest.mark.parametrize("folder", PAGES, ids=lambda path: path.name)
def test_a_page_holds_what_its_records_say(folder):
    text = (folder / study.PAGE).read_text(encoding="utf-8")
    members = study.read(folder, configs.to_json(configs.base()))
    assert markers.fill(text, blocks.Source(members)) == text


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_records_name_no_folder_of_a_machine_and_stay_small(folder):
    files = [path for path in (folder / study.RECORDS).rglob("*") if path.is_file()]
    for path in files:
        if path.suffix in (".json", ".jsonl"):
            text = path.read_text(encoding="utf-8")
            assert not any(each in text for each in ('"/', "=/", "/home/", "/tmp/", "/root/")), path
    assert sum(path.stat().st_size for path in files) < 8 * 2**20
