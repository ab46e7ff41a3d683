"""The commands and their options."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Column, Table

import apertis_audio_tools
from apertis_audio_tools.cli.progress_bar import recordings_progress
from apertis_audio_tools.cli.session import notes, report_errors, session
from apertis_audio_tools.cli.standard_streams import open_input, read_text, require_readable_once
from apertis_audio_tools.cli.transcript_output import (
    TranscriptForm,
    TranscriptOutput,
    require_folder,
    write_outcomes,
)
from apertis_audio_tools.models import (
    CHAT_MODEL,
    MODELS,
    SPEECH_MODEL,
    TRANSCRIPTION_MODEL,
    VOICE,
    UploadFormat,
)
from apertis_audio_tools.pipeline.cache import open_cache, user_cache

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Recordings to text, text to speech, and questions about a clip, by the Apertis Audio "
    "API. Set APERTIS_API_KEY, or try --sandbox.",
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        typer.echo(f"apertis-audio {apertis_audio_tools.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show it.")
    ] = False,
) -> None:
    """Options before any command."""


_RECORDING: dict[str, Any] = {
    "callback": require_readable_once,
    "exists": True,
    "dir_okay": False,
    "allow_dash": True,
    "path_type": str,  # a Path would make ./- the same as -
}
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="Recordings; - reads one from standard input.", **_RECORDING
    ),
]
OutputFolder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Write one file per recording into DIR.",
        callback=require_folder,
    ),
]
Format = Annotated[
    TranscriptForm,
    typer.Option(
        "--format", metavar="FORM", help="passages (with timecodes), text, srt, vtt or json."
    ),
]
Prompt = Annotated[str | None, typer.Option(help="Context, or how names are spelled.")]
Temperature = Annotated[float | None, typer.Option(help="Of the sampling, 0 to 1.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
UseSandbox = Annotated[
    bool, typer.Option("--sandbox", help="Ask a local stand-in instead of the service; no key.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Ask again, and keep nothing (see the command cache).")
]
PieceSeconds = Annotated[
    float | None, typer.Option(min=1, help="Cut into pieces of about this length, at pauses.")
]
UploadFormatOption = Annotated[
    UploadFormat, typer.Option(help="Encode for a slow line before sending.")
]
Voice = Annotated[str, typer.Option(help="alloy, echo, fable, onyx, nova, shimmer, ...")]


@app.command()
def transcribe(
    files: Files,
    *,
    folder: OutputFolder = None,
    form: Format = TranscriptForm.passages,
    model: Annotated[str, typer.Option()] = TRANSCRIPTION_MODEL,
    language: Annotated[str | None, typer.Option(help="ISO 639-1, such as zh.")] = None,
    prompt: Prompt = None,
    temperature: Temperature = None,
    piece_seconds: PieceSeconds = None,
    upload_format: UploadFormatOption = "auto",
    overwrite: Overwrite = False,
    no_cache: NoCache = False,
    sandbox: UseSandbox = False,
) -> None:
    """Say what is said in recordings, in their own language."""
    with session(sandbox=sandbox, keeps=not no_cache) as here:
        output = TranscriptOutput.of(files, folder, form, overwrite=overwrite)
        with recordings_progress("Transcribing", len(files)) as progress:
            outcomes = here.audio.transcribe_many(
                [open_input(file) for file in files],
                on_error="skip",
                progress=progress,
                model=model,
                language=language,
                prompt=prompt,
                temperature=temperature,
                piece_seconds=piece_seconds,
                upload_format=upload_format,
            )
            if form.shows_times and piece_seconds is None:
                here.tell_of_times(model, "transcribe")
            write_outcomes(here, outcomes, output)


@app.command()
def translate(
    files: Files,
    *,
    folder: OutputFolder = None,
    form: Format = TranscriptForm.passages,
    model: Annotated[str, typer.Option()] = TRANSCRIPTION_MODEL,
    prompt: Prompt = None,
    temperature: Temperature = None,
    piece_seconds: PieceSeconds = None,
    upload_format: UploadFormatOption = "auto",
    overwrite: Overwrite = False,
    no_cache: NoCache = False,
    sandbox: UseSandbox = False,
) -> None:
    """Say in English what is said in recordings."""
    with session(sandbox=sandbox, keeps=not no_cache) as here:
        output = TranscriptOutput.of(files, folder, form, overwrite=overwrite)
        with recordings_progress("Translating", len(files)) as progress:
            outcomes = here.audio.translate_many(
                [open_input(file) for file in files],
                on_error="skip",
                progress=progress,
                model=model,
                prompt=prompt,
                temperature=temperature,
                piece_seconds=piece_seconds,
                upload_format=upload_format,
            )
            if form.shows_times and piece_seconds is None:
                here.tell_of_times(model, "translate")
            write_outcomes(here, outcomes, output)


@app.command()
def speak(
    text: Annotated[
        str | None, typer.Argument(help="What to say; - reads it from standard input.")
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="A text of any length, in UTF-8.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Its suffix names the format.")
    ],
    voice: Voice = VOICE,
    model: Annotated[str, typer.Option()] = SPEECH_MODEL,
    speed: Annotated[float | None, typer.Option(help="0.25 to 4.")] = None,
    instructions: Annotated[str | None, typer.Option(help="Tone, accent, pace.")] = None,
    overwrite: Overwrite = False,
    sandbox: UseSandbox = False,
) -> None:
    """Speak a text of any length into a sound file."""
    if (text is None) == (file is None):
        raise typer.BadParameter("Give a text (or - for standard input) or --file, not both.")
    with session(sandbox=sandbox) as here:
        said = text if text not in {None, "-"} else read_text(file)
        with notes.status("Speaking ..."):
            saved = here.audio.save_speech(
                said,
                output,
                voice=voice,
                model=model,
                speed=speed,
                instructions=instructions,
                overwrite=overwrite,
            )
        here.saw(saved.server)
        typer.echo(f"{saved.path}: {saved.duration:.1f} s, {saved.size} bytes")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    clips: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CLIP]...",
            help="Sound to ask about; - reads it from standard input.",
            **_RECORDING,
        ),
    ] = None,
    *,
    model: Annotated[str, typer.Option()] = CHAT_MODEL,
    sandbox: UseSandbox = False,
) -> None:
    """Ask a question, about sound clips if any are named."""
    if not question.strip():
        raise typer.BadParameter("Ask something.")
    with session(sandbox=sandbox) as here:
        with notes.status("Asking ..."):
            heard = [open_input(clip) for clip in clips or ()]
            reply = here.audio.chat(question, heard, model=model)
        here.saw(reply.server)
        typer.echo(reply.text)


@app.command()
def models(*, sandbox: UseSandbox = False) -> None:
    """List the models the key can use, and what is known of each."""
    with session(sandbox=sandbox) as here:
        rows = [
            (name, ", ".join(sorted(MODELS[name].formats)) if name in MODELS else "")
            for name in here.audio.models()
        ]
    if not sys.stdout.isatty():
        typer.echo("\n".join("\t".join(row) for row in rows))
        return
    columns = Column("model", no_wrap=True), Column("can", overflow="fold")
    table = Table(*columns, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@app.command()
def cache(
    *, clear: Annotated[bool, typer.Option("--clear", help="Forget all transcripts.")] = False
) -> None:
    """Say where transcripts are kept, so that nothing is paid for twice; or forget them."""
    with report_errors(), contextlib.closing(open_cache(None) or user_cache()) as kept:
        if clear:
            typer.echo(f"Transcripts forgotten: {kept.clear()}.")
        number, size = kept.usage()
        notes.print(f"Transcripts kept: {number} ({decimal(size)}).", style="dim", markup=False)
        typer.echo(kept.path)


@app.command("sandbox")
def serve_sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8400,
    engine: Annotated[
        Literal["pocketsphinx", "beacon"], typer.Option(help="Hears speech, or test tones.")
    ] = "pocketsphinx",
) -> None:
    """Serve a local stand-in of the API until interrupted (it needs no key and sends nothing)."""
    with report_errors():
        from apertis_audio_tools.sandbox import serve

        serve(port, engine, on_ready=_welcome)


def _welcome(url: str) -> None:
    notes.print(f"The sandbox serves {url} (stop with Ctrl-C). In another terminal:")
    typer.echo(f"export APERTIS_BASE_URL={url} APERTIS_API_KEY=sk-sandbox")
