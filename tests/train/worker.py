"""One process of a training, in miniature: the launcher with a small config, and a signal on cue.

Arguments are the launcher's. SIGTERM_AT is the call of the step in which this process sends itself
SIGTERM. After the training one metric is evaluated and the report written if EVALUATE is set.
"""

import os
import signal
import sys

from gen_jax import config as configs
from gen_jax import evals, launch, modes
from gen_jax.train import steps
from tests.shrink import shrink

STEPS = 9


def small(path):
    config = shrink(load(path), STEPS)
    config.update(log_every=2, sample_every=4, eval_every=4, checkpoint_every=6, ledger_every=5)
    config.encoder.dropout = config.generator.dropout = 0.1
    config.data.flip = True
    return config


def signalled(family, config):
    step, calls = make_step(family, config), []

    def count(state, batch, *rest):
        calls.append(1)
        if len(calls) == int(os.environ.get("SIGTERM_AT", "0")):
            os.kill(os.getpid(), signal.SIGTERM)
        return step(state, batch, *rest)

    return count


load, configs.load = configs.load, small
make_step, steps.Step = steps.Step, signalled
for name in evals.EVALS.keys() - {"samples"}:
    del evals.EVALS[name]
if "EVALUATE" not in os.environ:
    modes._evaluate = modes._report = lambda *args: None
sys.exit(launch.main(sys.argv[1:]))
