"""What a command can do with several runs: compare them, publish them, or pack them for a way."""

from gen_jax import archive as archives
from gen_jax import config as configs
from gen_jax.errors import UserError
from gen_jax.job import Job
from gen_jax.report import comparison, study

MODES = ("compare", "page", "archive")
"""They take --runs as they are, and no config."""


def compare(job: Job) -> None:
    """Writes report.md and report.html of several runs into a folder of their own."""
    defaults = configs.to_json(configs.base())
    print(f"comparison: {comparison.write(_entries(job), job.workdir, defaults)}")


def page(job: Job) -> None:
    """Writes the page of a study anew, from its records; makes those of --runs before."""
    defaults = configs.to_json(configs.base())
    print(f"page: {study.write(job.workdir, _entries(job), defaults)}")


def archive(job: Job) -> None:
    """Packs runs, each with its newest checkpoint, into files of a bounded size."""
    if not 1 <= job.flags.part_mib <= 2**20:
        raise UserError(f"--part_mib={job.flags.part_mib}: at least 1 and at most a million")
    for path in archives.write(_entries(job), job.workdir, job.flags.part_mib * 2**20):
        print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")
    print(f"there: sha256sum -c {archives.SUMS} && cat {archives.NAME}.* | tar xz")


def _entries(job: Job) -> list[str]:
    return [entry.strip() for entry in (job.flags.runs or "").split(",") if entry.strip()]
