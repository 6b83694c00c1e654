"""Command lines of run.py one after the other: `python run.py --queue=FILE`.

A queue is a text file with the arguments of one command a line. What is done is passed over, what
was interrupted goes on, and what failed is told at the end and tried again by the next call. It is
no scheduler: on a cluster, each line is a task of a job array (docs/scaling.md).
"""

from gen_jax.queue.runner import main

__all__ = ["main"]
