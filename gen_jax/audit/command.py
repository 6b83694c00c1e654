"""`--mode=audit`: one run against its ledger, or two runs against each other."""

from collections.abc import Iterable

from gen_jax.audit import certificate, pair, run
from gen_jax.audit.findings import PASS, Finding, verdict
from gen_jax.errors import UserError
from gen_jax.job import Job, of_workdir
from gen_jax.train import lock
from gen_jax.train.workdir import read_config


def audit(job: Job) -> int:
    """Prints every finding as it is made, then writes the certificate; 0 if all holds, else 1."""
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


def _shown(findings: Iterable[Finding]) -> list[Finding]:
    found = []
    for finding in findings:
        print(finding.line(), flush=True)
        found.append(finding)
    return found
