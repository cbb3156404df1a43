"""Charts of two runs, without and with the cache, as SVG for an HTML page."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from loadtests.figures import Second

# These differ for colour-blind people too, and in greyscale.
COLOURS = {"off": "#c2571a", "on": "#1f5f8b"}
_INK, _GRID = "#444", "#ddd"

type Value = Callable[[Second], float | None]


def over_time(runs: Mapping[str, Sequence[Second]], value: Value, unit: str) -> str:
    """An SVG of a value over time, with a line for each run."""
    # Each chart has ids of its own; else one would use another's shapes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": unit, "font.family": "sans-serif", "font.size": 9}):
        figure = Figure(figsize=(5.2, 2.3), layout="constrained")
        axes = figure.subplots()
        for name, seconds in runs.items():
            points = [(second.at, value(second)) for second in seconds[:-1] or seconds]  # the last second is incomplete
            at, values = zip(*((at, number) for at, number in points if number is not None), strict=True)
            axes.plot(at, values, color=COLOURS[name], linewidth=1.6, label=f"cache {name}")
        axes.set_ylim(bottom=0)
        axes.set_ylabel(unit, color=_INK)
        axes.set_xlabel("seconds", color=_INK)
        axes.grid(visible=True, color=_GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK)
        axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.1)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
