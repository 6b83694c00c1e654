"""What an audit found: one sentence a check, and whether it passed."""

from collections.abc import Iterable
from typing import Any, NamedTuple

PASS, REMARK, FAIL = "pass", "remark", "fail"


class Finding(NamedTuple):
    """One check.

    Attributes:
      check: its name, such as "ledger".
      verdict: "pass", "remark" (something to know that proves nothing wrong) or "fail".
      text: what was seen, with its numbers.
      details: the same and more, for programs.
    """

    check: str
    verdict: str
    text: str
    details: dict[str, Any] = {}  # noqa: RUF012  # never written to

    def line(self) -> str:
        """For the screen."""
        return f"{self.verdict:6}  {self.check}: {self.text}"


def verdict(findings: Iterable[Finding]) -> str:
    """Of all of them: "fail" if one is, else "pass"."""
    return FAIL if any(finding.verdict == FAIL for finding in findings) else PASS


def some(items: Iterable[Any], most: int = 5) -> str:
    """The first few of some things, and how many more there are."""
    every = [str(item) for item in items]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")
