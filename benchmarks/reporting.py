"""Write measurements as a page with tables."""

import functools
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from measure_process import Figures

CONTESTANTS = {"cut": ("recipe", "ours", "ffmpeg"), "transcribe": ("recipe", "ours", "oursmp3")}
NAMES = {
    "recipe": "the recipe",
    "ours": "this package",
    "oursmp3": "this package, upload_format='mp3'",
    "ffmpeg": "ffmpeg",
}


@dataclass(frozen=True)
class Conditions:
    """The stand-in's uplink in 10^6 bit/s, its latency in seconds and speed, and the command."""

    uplink: float
    latency: float
    speed: float
    runs: int
    note: str
    command: str

    def floor(self, megabytes: float, longest: float) -> float:
        """Return the seconds of an upload and of the response to its longest request."""
        return megabytes * 8 / self.uplink + self.latency + longest / self.speed


@dataclass(frozen=True)
class Measurement:
    """The figures of one contestant for one task on one recording, or None if it failed.

    `size` and `sent` are megabytes, of the recording and of the audio the stand-in received, and
    `floor` is the least seconds that this takes.
    """

    recording: str
    size: float
    task: str
    contestant: str
    figures: Figures | None
    requests: int = 0
    sent: float = 0.0
    floor: float = 0.0


@dataclass(frozen=True)
class Aim:
    """A goal: a figure of each recording, and its upper or lower limit."""

    sentence: str
    figure: Callable[["Results", str], float | None]
    limit: float
    is_upper: bool


class Results:
    """Measurements by task, recording and contestant."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._measurements = {
            (each.task, each.recording, each.contestant): each for each in measurements
        }
        self.recordings = list(
            dict.fromkeys(each.recording for each in self._measurements.values())
        )

    def measured(self, task: str) -> list[str]:
        """Return the recordings of a task."""
        return [name for name in self.recordings if self.get(task, name, "ours")]

    def get(self, task: str, recording: str, contestant: str) -> Measurement | None:
        """Return a measurement, if it was made."""
        return self._measurements.get((task, recording, contestant))

    def figure(self, task: str, recording: str, contestant: str, name: str) -> float | None:
        """Return a figure of a measurement, if it was made and did not fail."""
        measurement = self.get(task, recording, contestant)
        return getattr(measurement.figures, name) if measurement and measurement.figures else None

    def ratio(
        self,
        task: str,
        recording: str,
        name: str,
        reference: str = "recipe",
        contestant: str = "ours",
    ) -> float | None:
        """Return the ratio of two contestants' figures."""
        more, less = (self.figure(task, recording, each, name) for each in (reference, contestant))
        return more / less if more is not None and less else None

    def floor_ratio(self, recording: str) -> float | None:
        """Return how much longer than the least possible this package takes."""
        measurement = self.get("transcribe", recording, "ours")
        if measurement is None or measurement.figures is None:
            return None
        return measurement.figures.wall / measurement.floor


def speedup(names: Sequence[str], results: Results, recording: str) -> float | None:
    """Return how much faster than the recipe one of some recordings is, or None for others."""
    is_meant = any(recording.endswith(name) for name in names)
    return results.ratio("transcribe", recording, "wall") if is_meant else None


AIMS = [
    Aim(
        "Cutting takes at most 2.2 x ffmpeg's stream copy (wall time)",
        lambda results, name: results.ratio(
            "cut", name, "wall", reference="ours", contestant="ffmpeg"
        ),
        2.2,
        is_upper=True,
    ),
    Aim(
        "Cutting in CPU time, which other work on the machine disturbs less",
        lambda results, name: results.ratio(
            "cut", name, "cpu", reference="ours", contestant="ffmpeg"
        ),
        2.2,
        is_upper=True,
    ),
    Aim(
        "Cutting is at least 40 x faster than the recipe's (wall time)",
        lambda results, name: results.ratio("cut", name, "wall"),
        40,
        is_upper=False,
    ),
    Aim(
        "Cutting faster than the recipe, in CPU time",
        lambda results, name: results.ratio("cut", name, "cpu"),
        40,
        is_upper=False,
    ),
    Aim(
        "Memory stays below 150 MB, cutting",
        lambda results, name: results.figure("cut", name, "ours", "memory"),
        150,
        is_upper=True,
    ),
    Aim(
        "Memory stays below 150 MB, end to end",
        lambda results, name: results.figure("transcribe", name, "ours", "memory"),
        150,
        is_upper=True,
    ),
    *(
        Aim(
            f"End to end, {names}: at least {times} x faster than the recipe (wall time)",
            functools.partial(speedup, names.split(" or ")),
            times,
            is_upper=False,
        )
        for names, times in {"4 h mp3 or 4 h m4a": 8, "1 h mp3 or 1 h m4a": 7, "wav": 5}.items()
    ),
    Aim(
        "End to end on a slower line takes at most 1.2 x the floor (wall time)",
        lambda results, name: results.floor_ratio(name) if "Mbit/s" in name else None,
        1.2,
        is_upper=True,
    ),
    Aim(
        "End to end with upload_format='mp3'",
        lambda results, name: results.ratio("transcribe", name, "wall", contestant="oursmp3"),
        8,
        is_upper=False,
    ),
]


def document(measurements: Iterable[Measurement], conditions: Conditions) -> str:
    """Return the whole page."""
    results = Results(measurements)
    return f"""# Long recordings: the documented recipe, and this package

Written by `{conditions.command}`.

The recipe is that of the service's documentation: pydub loads the recording, cuts it every ten
minutes and exports each piece as mp3, and the openai SDK sends one piece after the other.
This package is `ApertisAudio(base_url=...).transcribe(path)` with its defaults, but without
a cache: pieces of three to five minutes after shorter first ones are cut in pauses, wav is encoded
as FLAC, all else is copied, and up to eight are sent at once, which the service's rate limits
permit. With `upload_format="mp3"` it encodes to mp3 as the recipe does, at 16 kHz and 32 kbit/s.
`ffmpeg -f segment -c copy` is the lower bound for cutting: it makes pieces as long as the default's,
writes them to disk, and cuts anywhere.

The service is a stand-in on the same machine, not the real one, and recognises nothing. It reads
{conditions.uplink:g} Mbit/s, of all connections together, and responds to each request {conditions.latency:g} s plus
1/{conditions.speed:g} of the length of its audio after the last byte, many at once. So the recipe waits for at least
{3600 / conditions.speed:g} s per hour of audio, however fast it cuts. The audio that the stand-in received was checked to be
as long as the recording. The floor is what an upload of as many bytes takes, and then the response to
the longest piece. On a slower line, the size of the upload matters more: the recipe re-encodes to fewer
bytes than the FLAC or the 128 kbit/s of the recordings, and this package loses nothing unless
`upload_format=` is set.

Recordings repeat examples/data/standup.ogg: wav of 16 kHz, mp3 and m4a of 44.1 kHz and 128 kbit/s,
one channel. {runs(conditions)} Peak memory is that of the largest process.

{" ".join(filter(None, [machine(), conditions.note]))}

![Seconds of cutting, seconds of transcribing, and memory, as bars](long_recordings.svg)

## Aims

{aims(results)}

## Cutting

{cutting(results)}

## End to end

{transcribing(results)}
"""  # noqa: E501  # numbers are shorter than their names


def runs(conditions: Conditions) -> str:
    """Return a sentence about the number of runs."""
    if conditions.runs == 1:
        return "Everything was run once."
    return f"Figures are the median of {conditions.runs} runs, those of the recipe of one."


def machine() -> str:
    """Return the machine and the versions of the programs."""
    packages = ["av", "httpx", "openai", "pydub"]
    versions = [
        f"{name} {importlib.metadata.version(name)}"
        for name in packages
        if importlib.util.find_spec(name)
    ]
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {', '.join(versions)}{ffmpeg_version()}."
    )


def ffmpeg_version() -> str:
    """Return the version that ffmpeg reports about itself."""
    program = shutil.which("ffmpeg")
    if program is None:
        return ""
    finished = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)  # noqa: S603
    return f", ffmpeg {finished.stdout.split()[2]}"


def aims(results: Results) -> str:
    """Return the table of aims: the worst figure of each, and the recordings that meet it."""
    lines = ["| aim | worst | held for |", "|---|---|---|"]
    for aim in AIMS:
        figures = [(aim.figure(results, name), name) for name in results.recordings]
        known = sorted((figure, name) for figure, name in figures if figure is not None)
        if not known:
            lines.append(f"| {aim.sentence} | not measured | |")
            continue
        worst, where = known[-1 if aim.is_upper else 0]
        held = [n for f, n in known if (f <= aim.limit if aim.is_upper else f >= aim.limit)]
        share = "all" if len(held) == len(known) else ", ".join(held) or "**none**"
        lines.append(f"| {aim.sentence} | {number(worst)} ({where}) | {share} |")
    return "\n".join(lines)


def cutting(results: Results) -> str:
    """Return the table of cutting."""
    contestant = " | ".join(f"{NAMES[each]}: s, CPU s, peak MB" for each in CONTESTANTS["cut"])
    lines = [
        f"| recording | MB | {contestant} | faster than the recipe | less CPU | x ffmpeg | x CPU |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in results.measured("cut"):
        ratios = [ratio(results.ratio("cut", name, x)) for x in ("wall", "cpu")]
        floor = {"reference": "ours", "contestant": "ffmpeg"}
        ratios += [ratio(results.ratio("cut", name, x, **floor)) for x in ("wall", "cpu")]
        lines.append(f"{row(results, 'cut', name)} {' | '.join(ratios)} |")
    return "\n".join(lines)


def transcribing(results: Results) -> str:
    """Return the table of transcribing."""
    callers = CONTESTANTS["transcribe"]
    contestant = " | ".join(f"{NAMES[each]}: s, CPU s, peak MB" for each in callers)
    sent = " | ".join(f"sent by {NAMES[each]}" for each in callers)
    ratios = "faster | faster with upload_format='mp3' | less CPU | less memory | x floor"
    lines = [f"| recording | MB | {contestant} | {sent} | {ratios} |", f"|{'---|' * 13}"]
    for name in results.measured("transcribe"):
        received = [traffic(results.get("transcribe", name, contestant)) for contestant in callers]
        factors = [ratio(results.ratio("transcribe", name, x)) for x in ("wall", "cpu", "memory")]
        factors.insert(1, ratio(results.ratio("transcribe", name, "wall", contestant="oursmp3")))
        factors.append(ratio(results.floor_ratio(name)))
        begin = row(results, "transcribe", name)
        lines.append(f"{begin} {' | '.join(received + factors)} |")
    return "\n".join(lines)


def row(results: Results, task: str, name: str) -> str:
    """Return the beginning of a row: the recording, and the figures of each contestant."""
    found = [results.get(task, name, contestant) for contestant in CONTESTANTS[task]]
    size = next(each.size for each in found if each)
    return f"| {name} | {size:.0f} | {' | '.join(map(cell, found))} |"


def cell(measurement: Measurement | None) -> str:
    """Return wall time, CPU time and memory."""
    if measurement is None:
        return "-"
    figures = measurement.figures
    if figures is None:
        return "failed"
    return f"**{number(figures.wall)}**, {number(figures.cpu)}, {figures.memory:.0f}"


def traffic(measurement: Measurement | None) -> str:
    """Return the megabytes and requests that the stand-in received."""
    if measurement is None:
        return "-"
    return f"{measurement.sent:.0f} MB in {measurement.requests}"


def ratio(value: float | None) -> str:
    """Return a value as a factor."""
    return "-" if value is None else f"{number(value)} x"


def number(value: float) -> str:
    """Return a value with its significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004
