"""`audit/certificate.json` and its page: what an audit found."""

import json
from pathlib import Path
from typing import Any

from gen_jax import report
from gen_jax.audit.findings import Finding, verdict
from gen_jax.report.document import Document, Section, Table
from gen_jax.train.workdir import command_line, environment, write_json

NAME = "certificate"


def write(folder: Path, title: str, findings: list[Finding], about: dict[str, Any]) -> Path:
    """Writes certificate.json, .md and .html into a folder; returns the JSON's path.

    Args:
      folder: made if it is not there.
      title: of the page.
      findings: in order.
      about: what else the JSON says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    passed = verdict(findings)
    content = {
        "verdict": passed,
        **about,
        "command": command_line(),
        "findings": [
            {
                "check": each.check,
                "verdict": each.verdict,
                "text": each.text,
                "details": each.details,
            }
            for each in findings
        ],
        "environment": environment(),
    }
    # A difference from NaN is NaN, which JSON has no word for.
    content = json.loads(json.dumps(content), parse_constant=str)
    write_json(folder / f"{NAME}.json", content)
    rows = tuple((each.check, each.verdict, each.text) for each in findings)
    place = {name: str(value) for name, value in content["environment"].items()}
    sections = (
        Section("Findings", (Table(("check", "verdict", "what was seen"), rows),)),
        Section("Audited with", (Table(("what", "value"), tuple(place.items()), code=(1,)),)),
    )
    lede = (f"Verdict: {passed}", *(f"{name}: {value}" for name, value in about.items()))
    report.publish(Document(title, lede, sections), folder, NAME)
    return folder / f"{NAME}.json"
