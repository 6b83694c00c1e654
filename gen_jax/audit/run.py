"""The audit of one run: its ledger, what lies in its workdir, a replay, its evaluations."""

from collections.abc import Iterator

from gen_jax.audit import checks, circumstances, evaluations, ledger, retrace
from gen_jax.audit.findings import FAIL, Finding
from gen_jax.audit.ledger import Chain
from gen_jax.errors import UserError
from gen_jax.job import Job, load, newest
from gen_jax.train import divergence
from gen_jax.train.workdir import read_config


def audit(job: Job) -> Iterator[Finding]:
    """Checks a workdir, from the cheapest check to the dearest, and says each as it is known.

    `--span=A:B` replays steps A to B instead of all; A is 0 or the step of a checkpoint.

    Raises:
      UserError: there is no ledger, the span cannot be replayed, or something the run was made
        with is not there any more.
    """
    found = ledger.read(job.workdir)
    if not found.steps():
        why = found.fault or "there is none; ledger_every=0, or trained before there were ledgers"
        raise UserError(f"{job.workdir / ledger.FILE}: {why}: nothing to audit")
    begun, span = found.begun(), _span(job, found)
    saved = (read_config(job.workdir) or {})["config"]
    yield checks.chain(found, saved)
    yield checks.config(begun, saved)
    # What the ledger says was trained, wherever its data and weights are now.
    job = job._replace(config=circumstances.recorded(begun[-1], job.config))
    parts = load(job)
    elsewhere = circumstances.environment_now(begun)
    yield checks.data(job, begun, parts, max(found.steps()))
    yield checks.code(begun)
    yield checks.environment(elsewhere)
    yield from checks.saved(job, parts, found, saved)
    yield from retrace.check(job, parts, found, span, elsewhere)
    step, finding = evaluations.step_to_evaluate(job.workdir, found)
    if finding is not None:
        yield finding
    if step is not None:
        try:
            model = newest(job, parts, step)
        except UserError as error:
            yield Finding("evals", FAIL, f"not compared: {error}")
        else:
            yield from evaluations.check(model, job.workdir, bool(elsewhere), begun)


def _span(job: Job, found: Chain) -> tuple[int, int]:
    """The steps to replay: the flag's, or as many as can be."""
    steps, text = found.steps(), job.flags.span
    dumped = divergence.read(job.workdir)
    end = max(max(steps), dumped["step"] if dumped else 0)
    saved = checks.saved_steps(job.workdir)
    if text is None:
        # A ledger need not begin where the run did.
        begin = found.lines[0]["step"]
        first = min([step for step in saved if step >= begin], default=end) if begin else 0
        return min(first, end), end
    a, colon, b = text.partition(":")
    if not colon or not all(part.isdecimal() or not part for part in (a, b)):
        raise UserError(f"--span={text}: two steps, such as --span=0:{end}")
    first, last = int(a or 0), int(b or end)
    if found.fault:  # what comes after it is not known
        first, last = min(first, end), min(last, end)
    if not 0 <= first <= last <= end:
        raise UserError(f"--span={text}: the run went from step 0 to {end}")
    if first < last and first not in (0, *saved):
        raise UserError(
            f"--span={text}: no checkpoint of step {first} to begin at; there are 0"
            + "".join(f", {step}" for step in saved)
        )
    return first, last
