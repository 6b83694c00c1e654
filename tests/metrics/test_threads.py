import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gen_jax.metrics import kernel, threads
from gen_jax.metrics.threads import in_order, one_blas_thread


def blas_threads():
    """How many threads each BLAS takes."""
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.parametrize("cores", [1, 4])
def test_results_come_in_order_from_one_blas_thread_each(cores, monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: cores)

    def slowest_first(i):
        time.sleep(0.002 * (5 - i))
        return i, blas_threads()

    with threadpool_limits(2, user_api="blas"):
        found = in_order(slowest_first, range(5))
        assert blas_threads() == {2}
    assert found == [(i, {1}) for i in range(5)]


def test_the_limit_is_lifted_after_an_error():
    def fails(_):
        raise ZeroDivisionError

    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert blas_threads() == {1}
        with pytest.raises(ZeroDivisionError):
            in_order(fails, range(3))
        assert blas_threads() == {2}


def test_bits_do_not_depend_on_the_number_of_cores(monkeypatch):
    real, fake = np.random.default_rng(0).normal(size=(2, 300, 40))
    found = []
    for cores in (1, 5):
        monkeypatch.setattr(threads.os, "cpu_count", lambda cores=cores: cores)
        with threadpool_limits(cores, user_api="blas"):
            found.append(kernel.kid(real, fake, 0, subsets=9, subset_size=200))
    assert found[0] == found[1]
