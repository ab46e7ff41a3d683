"""Draw half a minute of speech, with its pauses and the starts of its sentences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SECONDS, WIDTH, STEPS = 30.0, 940, 470
MIN_PAUSE = 0.18
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 210" font-family="sans-serif"
  font-size="13" role="img"
  aria-label="Waveform of 30 s of speech with its pauses, and true and estimated starts">
<style>
  text { fill: #333; } .wave { stroke: #7a8494; fill: none; } .pause { fill: #7aa7e0; opacity: .3; }
  .true { stroke: #0a7d38; stroke-width: 2; } .estimated { stroke: #c2410c; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd; } .true { stroke: #4ade80; } .estimated { stroke: #fb923c; }
  }
</style>"""
LEGEND = """\
<path class="true" d="M12 4V20"/><text x="20" y="17">true start of a sentence</text>
<path class="estimated" d="M252 4V20"/><text x="260" y="17">estimated start</text>
<rect class="pause" x="440" y="4" width="16" height="16"/>
<text x="462" y="17">pause in which a sentence may end</text>"""


class Marks(NamedTuple):
    """Times in a recording, in seconds: true and estimated starts of sentences, and pauses."""

    starts: Sequence[float]
    estimates: Sequence[float]
    pauses: Sequence[tuple[float, float]]


def draw(wave: Iterable[float], marks: Marks, begin: float) -> str:
    """Return the picture as SVG, in the colours of the reader's light or dark page.

    Args:
        wave: Heights of the sound.
        marks: Times in the recording.
        begin: Seconds at which the picture begins; it is 30 s long.
    """
    columns = (10 + number * WIDTH / STEPS for number in range(STEPS))
    sound = "".join(
        f"M{at:.0f} {100 - height:.0f}V{100 + height:.0f}"
        for at, height in zip(columns, wave, strict=False)
    )
    labels = (
        f'<text x="{_place(time, 0):.0f}" y="200" text-anchor="middle">{time} s</text>'
        for time in range(5, int(SECONDS), 5)
    )
    parts = (
        HEAD,
        *_boxes(marks.pauses, begin),
        f'<path class="wave" d="{sound}"/>',
        *_lines(marks.starts, begin, "true", "M{:.1f} 26V100"),
        *_lines(marks.estimates, begin, "estimated", "M{:.1f} 100V174"),
        LEGEND,
        *labels,
        "</svg>",
    )
    return "\n".join(parts) + "\n"


def _place(time: float, begin: float) -> float:
    return 10 + (time - begin) / SECONDS * WIDTH


def _lines(times: Iterable[float], begin: float, kind: str, path: str) -> Iterator[str]:
    """Yield a line at each time that the picture shows."""
    shown = (time for time in times if begin <= time <= begin + SECONDS)
    return (f'<path class="{kind}" d="{path.format(_place(each, begin))}"/>' for each in shown)


def _boxes(pauses: Iterable[tuple[float, float]], begin: float) -> Iterator[str]:
    """Yield a box for each pause in which a sentence may end."""
    for start, end in pauses:
        first, last = max(start, begin), min(end, begin + SECONDS)
        if end - start >= MIN_PAUSE and first < last:
            at, width = _place(first, begin), (last - first) / SECONDS * WIDTH
            yield f'<rect class="pause" x="{at:.1f}" y="40" width="{width:.1f}" height="120"/>'


def heights(samples: Sequence[int], rate: int, begin: float) -> Iterator[float]:
    """Yield the largest sample of each step, as a height."""
    for number in range(STEPS):
        first = begin + number * SECONDS / STEPS
        part = samples[int(first * rate) : int((first + SECONDS / STEPS) * rate)]
        yield max(map(abs, part), default=0) / 32768 * 74
