"""The page in Chromium, if it is there: on a phone and on a screen, light and dark."""

import html
import json
import re
import shutil
import subprocess

import pytest

from gen_jax.report import comparison, style
from tests.report.comparison.fabricated import content_of, figures_of, log, make

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = {"phone": 375, "screen": 1280}
# A window has a least width and a frame has none. A frame of `srcdoc` may be looked into.
PROBE = """<!DOCTYPE html><body>%s<script>
const found = {};
window.onerror = message => { found.error = message };
window.onload = () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    found[frame.id] = {
      client: root.clientWidth,
      scroll: root.scrollWidth,
      paper: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
      images: page.images.length,
      broken: [...page.images].filter(image => !image.naturalWidth).length,
      beyond: [...page.querySelectorAll("img, svg, p, h1, h2, h3")].filter(
        each => !each.closest(".scroll")
          && each.getBoundingClientRect().right > root.clientWidth + 1).length,
    };
  }
  document.body.textContent = "FOUND" + JSON.stringify(found) + "FOUND";
};
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A comparison of many models with long names, as text."""
    root = tmp_path_factory.mktemp("browser")
    units = {"mse": "of pixels " * 20}
    for index in range(6):
        make(
            root / "runs" / f"a_rather_long_name_of_a_run_{index}",
            name=f"a_rather_long_name_of_a_model_{index}",
            changes={"z_dim": index, "note": "unbreakable" * 9},
            evals=[content_of("reconstruction", {"mse": 0.1 * index, "psnr": 20.0}, units=units)],
            figures=figures_of(40 * index),
            rows=log(kl=float(index)),
        )
    return comparison.write([str(root / "runs" / "*")], root / "out").read_text()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(("scheme", "number"), [("light", 1), ("dark", 0)])
def test_the_page_fits_and_is_whole(page, tmp_path, scheme, number):
    frames = "".join(
        f'<iframe id="{name}" style="width:{width}px;height:800px;border:0"'
        f' srcdoc="{html.escape(page)}"></iframe>'
        for name, width in WIDTHS.items()
    )
    (tmp_path / "probe.html").write_text(PROBE % frames)
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--no-first-run", "--disable-extensions", "--enable-logging=stderr"),
            f"--blink-settings=preferredColorScheme={number}",
            f"--user-data-dir={tmp_path / 'profile'}",
            (tmp_path / "probe.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert ":CONSOLE" not in done.stderr
    match = re.search("FOUND(.*)FOUND", done.stdout)
    assert match, done.stdout[:2000]
    found = json.loads(match[1])
    assert found.keys() == WIDTHS.keys()
    paper = style.PALETTE["paper"][1 - number]
    for name, width in WIDTHS.items():
        seen = found[name]
        assert width - 20 <= seen["client"] <= width  # a scroll bar may take some
        assert seen["scroll"] <= seen["client"]
        assert seen["beyond"] == 0
        assert seen["images"] > 10
        assert seen["broken"] == 0
        colours = ", ".join(str(int(paper[i : i + 2], 16)) for i in (1, 3, 5))
        assert seen["paper"] == f"rgb({colours})"
