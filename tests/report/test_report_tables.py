import math

import pytest

from gen_jax.report.tables import duration, exact, flatten, number, tick, values_table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0371234, "0.03712"),
        (50_000, "50,000"),
        (12_345.6, "12,346"),
        (55.0, "55"),
        (-1.5, "−1.5"),
        (0.0, "0"),
        (2e-7, "2e-07"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (None, "none"),
        (True, "true"),
        ("dB", "dB"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_settings_are_not_rounded():
    assert exact(0.00012345678) == "0.00012345678"
    assert exact([64, 128]) == "[64, 128]"
    assert exact(None) == "none"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(41.4, "41 s"), (192, "3 min 12 s"), (3599.6, "1 h 0 min"), (6120, "1 h 42 min")],
)
def test_duration(seconds, text):
    assert duration(seconds).replace("\N{NBSP}", " ") == text


def test_ticks_are_short():
    assert [tick(value) for value in (0, 0.025, 12_000, 2_500_000, -5)] == [
        "0", "0.025", "12k", "2.5M", "−5",
    ]  # fmt: skip


def test_flatten_keeps_order_and_empty_sections():
    assert list(flatten({"b": {"y": 1, "x": {}}, "a": 2}).items()) == [
        ("b.y", 1),
        ("b.x", {}),
        ("a", 2),
    ]


def test_unit_column_only_when_there_is_a_unit():
    assert values_table({"mse": 1.0}, {}).columns == ("quantity", "value")
    assert values_table({"mse": 1.0}, {"mse": "dB"}).rows == (("mse", "1", "dB"),)
    with_error = values_table({"kid": 0.0123, "fid": 5.0}, {}, errors={"kid": 0.00123})
    assert with_error.rows == (("kid", "0.0123 ± 0.0012"), ("fid", "5"))
