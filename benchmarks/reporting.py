"""What was measured, as a page with tables, and as a picture."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from measuring import Figures

CONTESTANTS = {"cut": ("recipe", "ours", "ffmpeg"), "transcribe": ("recipe", "ours", "oursmp3")}
NAMES = {
    "recipe": "the recipe",
    "ours": "this package",
    "oursmp3": "this package, upload_format='mp3'",
    "ffmpeg": "ffmpeg",
}


@dataclass(frozen=True)
class Conditions:
    """What the stand-in does, in 10^6 bits/s, seconds, and seconds of audio per second; and how."""

    uplink: float
    latency: float
    speed: float
    runs: int
    note: str
    command: str


@dataclass(frozen=True)
class Measurement:
    """What one contestant took for one task on one recording; no figures if it failed.

    `size` and `sent` are megabytes, of the recording and of what the stand-in received.
    """

    recording: str
    size: float
    task: str
    who: str
    figures: Figures | None
    requests: int = 0
    sent: float = 0.0


@dataclass(frozen=True)
class Aim:
    """What was aimed for: a figure of each recording, and whether it has to be at most or least."""

    sentence: str
    figure: Callable[["Results", str], float | None]
    limit: float
    is_upper: bool


class Results:
    """The measurements, by task, recording and contestant."""

    def __init__(self, found: Iterable[Measurement]) -> None:
        self._found = {(each.task, each.recording, each.who): each for each in found}
        self.recordings = list(dict.fromkeys(each.recording for each in self._found.values()))

    def get(self, task: str, recording: str, who: str) -> Measurement | None:
        """One of them, if it was made."""
        return self._found.get((task, recording, who))

    def figure(self, task: str, recording: str, who: str, name: str) -> float | None:
        """One of its figures, if it was made and did not fail."""
        found = self.get(task, recording, who)
        return getattr(found.figures, name) if found and found.figures else None

    def ratio(
        self, task: str, recording: str, name: str, than: str = "recipe", who: str = "ours"
    ) -> float | None:
        """How many times more one takes than another."""
        more, less = (self.figure(task, recording, each, name) for each in (than, who))
        return more / less if more is not None and less else None


AIMS = [
    Aim(
        "Cutting takes at most 2.2 x ffmpeg's stream copy (wall time)",
        lambda found, name: found.ratio("cut", name, "wall", than="ours", who="ffmpeg"),
        2.2,
        is_upper=True,
    ),
    Aim(
        "The same in CPU time, which other work on the machine disturbs less",
        lambda found, name: found.ratio("cut", name, "cpu", than="ours", who="ffmpeg"),
        2.2,
        is_upper=True,
    ),
    Aim(
        "Cutting is at least 40 x faster than the recipe's (wall time)",
        lambda found, name: found.ratio("cut", name, "wall"),
        40,
        is_upper=False,
    ),
    Aim(
        "The same in CPU time",
        lambda found, name: found.ratio("cut", name, "cpu"),
        40,
        is_upper=False,
    ),
    Aim(
        "Memory stays below 150 MB, cutting",
        lambda found, name: found.figure("cut", name, "ours", "memory"),
        150,
        is_upper=True,
    ),
    Aim(
        "Memory stays below 150 MB, end to end",
        lambda found, name: found.figure("transcribe", name, "ours", "memory"),
        150,
        is_upper=True,
    ),
    Aim(
        "End to end is at least 8 x faster than the recipe (wall time)",
        lambda found, name: found.ratio("transcribe", name, "wall"),
        8,
        is_upper=False,
    ),
    Aim(
        "The same with upload_format='mp3'",
        lambda found, name: found.ratio("transcribe", name, "wall", who="oursmp3"),
        8,
        is_upper=False,
    ),
]


def document(found: Iterable[Measurement], conditions: Conditions) -> str:
    """The whole page."""
    results = Results(found)
    return f"""# Long recordings: the documented recipe, and this package

Written by `{conditions.command}`.

The recipe is that of the service's documentation: pydub loads the recording, cuts it every ten
minutes and exports each piece as mp3, and the openai SDK sends one piece after the other.
This package is `ApertisAudio(base_url=...).transcribe(path)` with its defaults, but for the cache,
which is off: pieces of five to fifteen minutes are cut in pauses without encoding anew, and up to eight are
on their way at once, which the service's rate limits allow. With `upload_format="mp3"` it encodes to mp3
as the recipe does, at 16 kHz and 32 kbit/s.
`ffmpeg -f segment -c copy` is the floor for cutting: it makes pieces as long as the default's,
writes them to disk, and cuts anywhere.

The service is a stand-in on the same machine, not the real one: it hears nothing. It reads
{conditions.uplink:g} Mbit/s, of all connections together, and answers each request {conditions.latency:g} s plus
1/{conditions.speed:g} of the length of its audio after the last byte, many at once. So an hour of audio takes the
recipe {3600 / conditions.speed:g} s of waiting at least, however fast it cuts. What the stand-in received was checked to be
as long as the recording. On a slower line, what is sent counts for more (MB x 8 / Mbit/s is the
least it takes): the recipe encodes anew, to fewer bytes than the wav or the 128 kbit/s it was
given, and this package sends what was recorded, unless told `upload_format=`.

Recordings repeat examples/data/standup.ogg: wav of 16 kHz, mp3 and m4a of 44.1 kHz and 128 kbit/s,
one channel. {runs(conditions)} Peak memory is that of the largest process.

{" ".join(filter(None, [machine(), conditions.note]))}

![Seconds of cutting, seconds of transcribing, and memory, as bars](benchmarks.svg)

## Against what was aimed for

{aims(results)}

## Cutting

{cutting(results)}

## End to end

{transcribing(results)}
"""  # noqa: E501  # numbers are shorter than their names


def runs(conditions: Conditions) -> str:
    """How often each was run."""
    if conditions.runs == 1:
        return "Everything was run once."
    return f"Figures are the median of {conditions.runs} runs, those of the recipe of one."


def machine() -> str:
    """What it ran on, and with what."""
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
    """Of the program, as it says itself."""
    program = shutil.which("ffmpeg")
    if program is None:
        return ""
    told = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)  # noqa: S603
    return f", ffmpeg {told.stdout.split()[2]}"


def aims(results: Results) -> str:
    """For each aim, where it was held, and the worst figure."""
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
    """The table of cutting."""
    who = " | ".join(f"{NAMES[each]}: s, CPU s, peak MB" for each in CONTESTANTS["cut"])
    lines = [
        f"| recording | MB | {who} | faster than the recipe | less CPU | x ffmpeg | x CPU |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in results.recordings:
        ratios = [ratio(results.ratio("cut", name, x)) for x in ("wall", "cpu")]
        floor = {"than": "ours", "who": "ffmpeg"}
        ratios += [ratio(results.ratio("cut", name, x, **floor)) for x in ("wall", "cpu")]
        lines.append(f"{row(results, 'cut', name)} {' | '.join(ratios)} |")
    return "\n".join(lines)


def transcribing(results: Results) -> str:
    """The table of transcribing."""
    callers = CONTESTANTS["transcribe"]
    who = " | ".join(f"{NAMES[each]}: s, CPU s, peak MB" for each in callers)
    sent = " | ".join(f"sent by {NAMES[each]}" for each in callers)
    ratios = "faster | faster with upload_format='mp3' | less CPU | less memory"
    lines = [f"| recording | MB | {who} | {sent} | {ratios} |", f"|{'---|' * 12}"]
    for name in results.recordings:
        received = [traffic(results.get("transcribe", name, who)) for who in callers]
        factors = [ratio(results.ratio("transcribe", name, x)) for x in ("wall", "cpu", "memory")]
        factors.insert(1, ratio(results.ratio("transcribe", name, "wall", who="oursmp3")))
        begin = row(results, "transcribe", name)
        lines.append(f"{begin} {' | '.join(received + factors)} |")
    return "\n".join(lines)


def row(results: Results, task: str, name: str) -> str:
    """The beginning of a line: the recording, and the figures of each contestant."""
    found = [results.get(task, name, who) for who in CONTESTANTS[task]]
    size = next(each.size for each in found if each)
    return f"| {name} | {size:.0f} | {' | '.join(map(cell, found))} |"


def cell(measurement: Measurement | None) -> str:
    """Wall time, processor time and memory."""
    if measurement is None:
        return "-"
    figures = measurement.figures
    if figures is None:
        return "failed"
    return f"**{number(figures.wall)}**, {number(figures.cpu)}, {figures.memory:.0f}"


def traffic(measurement: Measurement | None) -> str:
    """What the stand-in received."""
    if measurement is None:
        return "-"
    return f"{measurement.sent:.0f} MB in {measurement.requests}"


def ratio(value: float | None) -> str:
    """As a factor."""
    return "-" if value is None else f"{number(value)} x"


def number(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004
