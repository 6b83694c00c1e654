"""Links of the documentation, and what of it counts lines elsewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page):
    """Those of its headings, as GitHub names them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if ":" in path:  # elsewhere
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_job_array_has_every_command_of_its_queue():
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    ((first, last),) = re.findall(r"--array=(\d+)-(\d+)%", text)
    (queue,) = re.findall(r"--queue=(\S+) --only=\"\$SLURM_ARRAY_TASK_ID\"", text)
    lines = (ROOT / queue).read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    before = commands.index("wait")
    assert (int(first), int(last)) == (before + 1, len(commands) - 1)
