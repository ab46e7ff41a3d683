"""Draw measurements as a bar chart."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from reporting import CONTESTANTS, NAMES, Measurement, Results, number

BAR_COLORS = {"recipe": "#c0504d", "ours": "#2f6f9f", "oursmp3": "#8fb8d8", "ffmpeg": "#8a8a8a"}
PANELS = {
    "Cutting: s": ("cut", "wall"),
    "End to end: s": ("transcribe", "wall"),
    "End to end: peak MB": ("transcribe", "memory"),
}


def draw(measurements: Iterable[Measurement], path: Path) -> None:
    """Write the chart, if matplotlib is installed."""
    if not importlib.util.find_spec("matplotlib"):
        print("matplotlib is not installed, so no chart is written.")
        return
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 9})
    results = Results(measurements)
    count = len(results.recordings)
    figure = Figure(figsize=(10, 1.2 + 0.55 * count), layout="constrained")
    panels = zip(figure.subplots(1, len(PANELS), sharey=True), PANELS.items(), strict=True)
    shown = {}
    for axes, (title, (task, name)) in panels:
        for offset, contestant in enumerate(CONTESTANTS[task]):
            values = [
                results.figure(task, each, contestant, name) or 0 for each in results.recordings
            ]
            positions = [row + (offset - 1) * 0.27 for row in range(count)]
            bars = axes.barh(positions, values, 0.25, color=BAR_COLORS[contestant])
            axes.bar_label(bars, [number(value) if value else "" for value in values], padding=2)
            shown[NAMES[contestant]] = bars
        axes.set(title=title, yticks=range(count))
        axes.set_yticklabels(results.recordings)
        axes.margins(x=0.2)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].invert_yaxis()
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=len(shown))
    figure.savefig(path, metadata={"Date": None})
