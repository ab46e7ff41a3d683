"""Arguments and options that several commands share."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from apertis_audio_tools.cli.standard_streams import require_regular_files
from apertis_audio_tools.cli.transcript_output import TranscriptForm, require_folder
from apertis_audio_tools.models import UploadFormat

recordings_argument = functools.partial(
    typer.Argument,
    callback=require_regular_files,
    exists=True,
    dir_okay=False,
    allow_dash=True,
    path_type=str,  # a Path would make ./- the same as -
)
Files = Annotated[
    list[Path],
    recordings_argument(
        metavar="FILE", help="Recordings of any length; - reads one from standard input."
    ),
]
OutputFolder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Folder for the transcripts, one file per recording. Defaults to standard output.",
        callback=require_folder,
    ),
]
Format = Annotated[
    TranscriptForm,
    typer.Option(
        "--format",
        metavar="FORM",
        help="Form of the transcripts: passages (with timecodes), text, srt, vtt or json.",
    ),
]
TranscriptionModel = Annotated[str, typer.Option(help="Transcription model.")]
Prompt = Annotated[
    str | None, typer.Option(help="Context, or the spelling of names and terms in the recordings.")
]
Temperature = Annotated[float | None, typer.Option(help="Sampling temperature, 0 to 1.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
UseSandbox = Annotated[
    bool,
    typer.Option("--sandbox", help="Use a local stand-in for the service, which needs no key."),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Neither use nor store cached transcripts (see cache --help)."),
]
PieceSeconds = Annotated[
    float | None,
    typer.Option(min=1, help="Target length in seconds of the pieces that recordings are cut in."),
]
UploadFormatChoice = Annotated[
    UploadFormat,
    typer.Option(
        help="Format of the uploads: auto and original keep the recording's encoding where the "
        "service accepts it; mp3 and opus re-encode it for a slow connection."
    ),
]
