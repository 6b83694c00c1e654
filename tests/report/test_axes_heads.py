"""Titles and units of a sheet's charts do not run into each other."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gen_jax.report import axes as drawing


@pytest.mark.parametrize(
    "title", ["Loss", "Adversarial losses: discriminator", "Norm of the gradient: discriminator"]
)
@pytest.mark.parametrize("unit", ["nats", "mean over the batch", "ratio of gradient norms"])
def test_a_title_and_its_unit_are_apart(title, unit):
    figure = Figure(figsize=(4, 2.7), layout="constrained")
    axes = figure.add_subplot()
    drawing._head(axes, drawing.Plot(title, unit, lambda axes: []), 4)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [axes.title, axes._left_title, axes._right_title, *axes.texts]
    boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])
    assert all(box.y1 < figure.bbox.y1 for box in boxes)


def test_the_names_of_many_runs_leave_their_charts_room():
    colours = ("blue", "orange", "green", "red", "purple", "brown", "pink")

    def draw(axes):
        axes.plot([0, 1e6], [0, 1])
        return tuple((f"{'a long name ' * 5}{c}", c, "") for c in colours)

    # Matplotlib warns, which fails a test, where no room is left.
    assert drawing._sheet([drawing.Plot("Loss", "nats", draw)] * 4, 3)
