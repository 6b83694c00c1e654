"""`--mode=audit`: one run against its ledger, or two runs against each other."""

from collections.abc import Iterator

from gen_jax.audit import certificate, pair, run
from gen_jax.audit.findings import FAIL, PASS, Finding, verdict
from gen_jax.errors import UserError
from gen_jax.job import Job, of_workdir
from gen_jax.train import lock
from gen_jax.train.workdir import read_config


def audit(job: Job) -> int:
    """Prints every finding as it is made, then writes the certificate; 0 if all holds, else 1.

    Raises:
      UserError: there is nothing to audit, or nothing that could be done about it.
    """
    if job.flags.runs is None:
        if read_config(job.workdir) is None:
            raise UserError(f"no run in {job.workdir}: pass --workdir")
        with lock.exclusive(job.workdir):
            findings = _shown(run.audit(job))
            folder, title = job.workdir / "audit", f"Audit of {job.workdir}"
            path = certificate.write(folder, title, findings, {"run": str(job.workdir)})
    else:
        jobs = [of_workdir(path.strip(), job.flags) for path in job.flags.runs.split(",")]
        if len(jobs) != 2:
            raise UserError("--mode=audit compares two runs: --runs=runs/a,runs/b")
        findings = _shown(pair.compare(*jobs))
        title = f"{jobs[0].workdir} against {jobs[1].workdir}"
        runs = {"runs": [str(each.workdir) for each in jobs]}
        path = certificate.write(job.workdir, title, findings, runs)
    passed = verdict(findings)
    print(f"audit: {passed}, {path}")
    return 0 if passed == PASS else 1


def _shown(findings: Iterator[Finding]) -> list[Finding]:
    """All of them, printed; what keeps an audit from going on is one more, unless the first."""
    found: list[Finding] = []
    while True:
        try:
            finding = next(findings)
        except StopIteration:
            return found
        except (UserError, OSError) as error:
            if not found:
                raise
            finding = Finding("audit", FAIL, f"could not go on: {error}")
        print(finding.line(), flush=True)
        found.append(finding)
