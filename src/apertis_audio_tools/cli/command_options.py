"""Arguments and options that several commands share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import typer

from apertis_audio_tools.api.speakers import SpeakerSource
from apertis_audio_tools.cli.standard_streams import (
    decode_argument,
    decode_arguments,
    require_regular_files,
)
from apertis_audio_tools.cli.transcript_output import OutputFormat, require_folder
from apertis_audio_tools.models import Pauses, Quality, TrackChoice, UploadFormat

recordings_argument: Callable[..., object] = functools.partial(
    typer.Argument,
    callback=require_regular_files,
    exists=True,
    dir_okay=False,
    allow_dash=True,
    path_type=str,  # a Path would make ./- the same as -
)
Files = Annotated[
    list[Path], recordings_argument(metavar="FILE", help="Recordings; - reads standard input.")
]
OUTPUT_HELP = "Folder for the transcripts, one file per recording."
OutputFolder = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", callback=require_folder, help=OUTPUT_HELP),
]
FORMAT_HELP = "passages (with timecodes), text, srt, vtt or json."
Format = Annotated[OutputFormat, typer.Option("--format", metavar="FORM", help=FORMAT_HELP)]
READABLE_HELP = "Divide srt and vtt for readers, "
MaxLine = Annotated[
    int | None,
    typer.Option(min=2, help=f"{READABLE_HELP}with lines of this length at most; 42 is usual."),
]
MaxLines = Annotated[
    int | None, typer.Option(min=1, help=f"{READABLE_HELP}in this many lines at most; 2 is usual.")
]
MaxSpeed = Annotated[
    float | None,
    typer.Option(
        "--max-cps",
        min=1,
        help=f"{READABLE_HELP}at most this many characters a second; 17 is usual.",
    ),
]
MinSeconds = Annotated[
    float | None,
    typer.Option(min=0, help=f"{READABLE_HELP}each text shown this long at least; 1 is usual."),
]
Prompt = Annotated[
    str | None,
    typer.Option(help="Context, or the spelling of names and terms.", callback=decode_argument),
]
Keywords = Annotated[
    list[str] | None,
    typer.Option(
        "--keyword",
        help="Name or term that is spoken; may be repeated.",
        callback=decode_arguments,
    ),
]
Temperature = Annotated[float | None, typer.Option(help="Sampling temperature, 0 to 1.")]
PieceSeconds = Annotated[
    float | None, typer.Option(min=1, help="Target length of the pieces of long recordings.")
]
UploadFormatChoice = Annotated[
    UploadFormat,
    typer.Option(
        help="original keeps the recording's encoding where the service accepts it; auto also "
        "compresses wav without loss; mp3 and opus re-encode for a slow connection."
    ),
]
Track = Annotated[
    str,
    typer.Option(
        metavar="TRACK",
        help="Audio track of recordings with several: its index from 0 on, all to mix them, or "
        "default.",
    ),
]
SpeakerSignals = Annotated[
    SpeakerSource | None,
    typer.Option(
        "--speakers", help="Transcribe each channel, or each track, as one speaker of its own."
    ),
]
SpeakerNames = Annotated[
    str | None,
    typer.Option(
        "--speaker-names",
        metavar="NAMES",
        help="Names of the speakers, separated by commas.",
        callback=decode_argument,
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(
        "--channels",
        metavar="INDEXES",
        help="Channels to transcribe, from 0 on, separated by commas.",
    ),
]
PausesChoice = Annotated[
    Pauses,
    typer.Option("--pauses", help="Send long pauses, or leave them out to pay for speech only."),
]
QualityChoice = Annotated[
    Quality,
    typer.Option(
        "--quality",
        help="Keep segments that perhaps nobody said, mark them (in json), or drop them.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Neither use nor store cached transcripts.")
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Print what would be sent, and its cost; send no audio."),
]
UplinkMbps = Annotated[
    float | None,
    typer.Option(
        "--uplink-mbps", metavar="MBPS", help="Upload speed for --dry-run, in megabits per second."
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, metavar="DOLLARS", help="Send nothing that costs more."),
]
MaxAudioSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-audio-seconds", min=0, metavar="SECONDS", help="Send no more audio than this."
    ),
]
UseSandbox = Annotated[
    bool, typer.Option("--sandbox", help="Use a local stand-in for the service; needs no key.")
]


def parse_names(value: str | None) -> tuple[str, ...] | None:
    """Return the value of ``--speaker-names``, which the client checks."""
    return None if value is None else tuple(name.strip() for name in value.split(","))


def parse_channels(value: str | None) -> tuple[int, ...] | None:
    """Return the value of ``--channels``."""
    if value is None:
        return None
    indexes = [each.strip() for each in value.split(",")]
    if not all(each.isdecimal() for each in indexes):
        raise typer.BadParameter("--channels is a list such as 0,1.")
    return tuple(map(int, indexes))


def parse_track(value: str) -> TrackChoice:
    """Return the value of ``--track``, which the client checks."""
    return int(value) if value.isdecimal() else cast("TrackChoice", value)
