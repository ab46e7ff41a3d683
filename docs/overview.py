"""Draw ``docs/overview.svg``: a recording, its pauses, and the passages that become documents.

The transcript is the sandbox's. Run `make overview` after changes of the recogniser.
"""

import textwrap
from pathlib import Path

import av
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from apertis_audio_tools import ApertisAudio, Passage
from apertis_audio_tools.sandbox import Sandbox

DOCS = Path(__file__).parent
RECORDING = DOCS.parent / "examples" / "data" / "standup.ogg"
INK, QUIET, COLORS = "#38506b", "#9aa7b5", ("#2f6f9f", "#c98a2b", "#4f8a5b", "#8a5b8a")
BINS = 900
SHOWN_WORDS = 11


def main() -> None:
    """Transcribe the recording and write the picture."""
    with Sandbox() as url, ApertisAudio("sk-pictures", base_url=url) as audio:
        passages = audio.transcribe(RECORDING).passages(max_seconds=20)
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.family": "sans-serif"})
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    waveform, documents = figure.subplots(2, 1, height_ratios=(1, 1.5))
    draw_waveform(waveform, passages)
    draw_documents(documents, passages)
    figure.savefig(DOCS / "overview.svg", transparent=True, metadata={"Date": None})


def draw_waveform(axes: Axes, passages: tuple[Passage, ...]) -> None:
    """Draw the loudness of the recording in the colours of its passages."""
    loudness, seconds = read_loudness()
    times = np.linspace(0, seconds, len(loudness))
    axes.fill_between(times, -loudness, loudness, color=QUIET, linewidth=0)
    for passage, color in zip(passages, cycle(len(passages)), strict=True):
        inside = (times >= passage.start) & (times <= passage.end)
        axes.fill_between(times, -loudness, loudness, where=inside, color=color, linewidth=0)
        axes.axvline(passage.start, color=color, linewidth=0.8)
    axes.set(xlim=(0, seconds), yticks=[], ylim=(-1, 1))
    axes.set_title(RECORDING.name, loc="left", color=INK, fontsize=11, family="monospace")
    axes.tick_params(axis="x", colors=QUIET, labelsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} s")
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_documents(axes: Axes, passages: tuple[Passage, ...]) -> None:
    """Write each passage as the document it becomes."""
    axes.set(xlim=(0, 1), ylim=(len(passages), 0))
    axes.axis("off")
    for row, (passage, color) in enumerate(zip(passages, cycle(len(passages)), strict=True)):
        text = " ".join(passage.text.split()[:SHOWN_WORDS])
        facts = f'{{"start": {passage.start:.1f}, "end": {passage.end:.1f}}}'
        axes.text(0, row + 0.5, "■", color=color, fontsize=13, va="center")
        axes.text(0.03, row + 0.5, passage.timecode, color=INK, va="center", family="monospace")
        shown = textwrap.shorten(f"{text} ...", 80, placeholder=" ...")
        axes.text(0.13, row + 0.5, shown, color=INK, va="center")
        small = {"color": QUIET, "ha": "right", "family": "monospace", "fontsize": 8}
        axes.text(1, row + 0.5, facts, va="center", **small)


def read_loudness() -> tuple[np.ndarray, float]:
    """Return the peak of each of `BINS` spans, 1 for the loudest, and the length in seconds."""
    with av.open(str(RECORDING)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.abs(np.concatenate(frames, axis=1)[0])
    peaks = np.array([part.max() for part in np.array_split(samples, BINS)])
    return peaks / peaks.max(), len(samples) / rate


def cycle(count: int) -> list[str]:
    """Return as many colours as there are passages."""
    return [COLORS[index % len(COLORS)] for index in range(count)]


if __name__ == "__main__":
    main()
