"""The commands and their options."""

import contextlib
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Column

import apertis_audio_tools
from apertis_audio_tools.adapters.entry_points import list_registrations
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.cli.command_options import (
    Channels,
    DryRun,
    Files,
    Format,
    Keywords,
    MaxAudioSeconds,
    MaxCost,
    MaxLine,
    MaxLines,
    MaxSpeed,
    MinSeconds,
    NoCache,
    OutputFolder,
    Overwrite,
    PausesChoice,
    PieceSeconds,
    Prompt,
    QualityChoice,
    SpeakerNames,
    SpeakerSignals,
    Temperature,
    Track,
    UplinkMbps,
    UploadFormatChoice,
    UseSandbox,
    parse_channels,
    parse_names,
    parse_track,
    recordings_argument,
)
from apertis_audio_tools.cli.estimates import print_estimate
from apertis_audio_tools.cli.mcp_command import serve_mcp
from apertis_audio_tools.cli.progress_bar import recordings_progress
from apertis_audio_tools.cli.session import (
    CommandSession,
    err_console,
    open_session,
    print_note,
    report_errors,
)
from apertis_audio_tools.cli.standard_streams import (
    decode_argument,
    open_input,
    print_result,
    read_text,
    require_output,
)
from apertis_audio_tools.cli.tables import print_table
from apertis_audio_tools.cli.transcript_output import (
    OutputFormat,
    TranscriptOutput,
    require_writable,
    write_outcomes,
)
from apertis_audio_tools.models import AUTO, MODELS, VOICE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apertis_audio_tools.results import ModelStatus

app: typer.Typer = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Transcribe and translate recordings, turn text into speech, and ask questions about "
    "audio clips with the Apertis Audio API. Set the environment variable APERTIS_API_KEY, or try "
    "a command with --sandbox, which needs no key.",
)


def _print_version(is_requested: bool) -> None:  # noqa: FBT001  # typer's callback
    if is_requested:
        typer.echo(f"apertis-audio {apertis_audio_tools.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version."),
    ] = False,
) -> None:
    """Accept the options that stand before a command."""


@app.command()
def transcribe(
    files: Files,
    *,
    folder: OutputFolder = None,
    output_format: Format = OutputFormat.passages,
    max_line: MaxLine = None,
    max_lines: MaxLines = None,
    max_cps: MaxSpeed = None,
    min_seconds: MinSeconds = None,
    model: Annotated[str, typer.Option(help="Transcription model.")] = AUTO,
    language: Annotated[
        list[str] | None,
        typer.Option(help="ISO 639-1 code of the language, such as zh; may be repeated."),
    ] = None,
    keyword: Keywords = None,
    prompt: Prompt = None,
    temperature: Temperature = None,
    piece_seconds: PieceSeconds = None,
    upload_format: UploadFormatChoice = "auto",
    track: Track = "default",
    speakers: SpeakerSignals = None,
    speaker_names: SpeakerNames = None,
    channels: Channels = None,
    pauses: PausesChoice = "keep",
    quality: QualityChoice = "keep",
    dry_run: DryRun = False,
    uplink_mbps: UplinkMbps = None,
    max_cost: MaxCost = None,
    max_audio_seconds: MaxAudioSeconds = None,
    overwrite: Overwrite = False,
    no_cache: NoCache = False,
    sandbox: UseSandbox = False,
) -> None:
    """Transcribe recordings in the language spoken."""
    options = TranscriptionOptions(
        model=model,
        languages=language or (),
        keywords=keyword or (),
        prompt=prompt,
        temperature=temperature,
        piece_seconds=piece_seconds,
        upload_format=upload_format,
        track=parse_track(track),
        speakers=speakers,
        speaker_names=parse_names(speaker_names),
        channels=parse_channels(channels),
        pauses=pauses,
        quality=quality,
    )
    with open_session(sandbox=sandbox, use_cache=not no_cache) as session:
        if dry_run:
            print_estimate(session, files, options, uplink_mbps)
            return
        limits = (max_line, max_lines, max_cps, min_seconds)
        output = TranscriptOutput.create(files, folder, output_format, limits, overwrite=overwrite)
        budget = (max_cost, max_audio_seconds)
        _write_transcripts(session, "Transcribing", files, options, output, budget=budget)


@app.command()
def translate(
    files: Files,
    *,
    folder: OutputFolder = None,
    output_format: Format = OutputFormat.passages,
    max_line: MaxLine = None,
    max_lines: MaxLines = None,
    max_cps: MaxSpeed = None,
    min_seconds: MinSeconds = None,
    to: Annotated[
        str, typer.Option(help="ISO 639-1 code of the language to translate into.")
    ] = "en",
    model: Annotated[str, typer.Option(help="Transcription model.")] = AUTO,
    keyword: Keywords = None,
    prompt: Prompt = None,
    temperature: Temperature = None,
    piece_seconds: PieceSeconds = None,
    upload_format: UploadFormatChoice = "auto",
    track: Track = "default",
    speakers: SpeakerSignals = None,
    speaker_names: SpeakerNames = None,
    channels: Channels = None,
    pauses: PausesChoice = "keep",
    quality: QualityChoice = "keep",
    dry_run: DryRun = False,
    uplink_mbps: UplinkMbps = None,
    max_cost: MaxCost = None,
    max_audio_seconds: MaxAudioSeconds = None,
    overwrite: Overwrite = False,
    no_cache: NoCache = False,
    sandbox: UseSandbox = False,
) -> None:
    """Translate recordings, into English unless --to says otherwise."""
    options = TranscriptionOptions(
        task="translate",
        to=to,
        keywords=keyword or (),
        model=model,
        prompt=prompt,
        temperature=temperature,
        piece_seconds=piece_seconds,
        upload_format=upload_format,
        track=parse_track(track),
        speakers=speakers,
        speaker_names=parse_names(speaker_names),
        channels=parse_channels(channels),
        pauses=pauses,
        quality=quality,
    )
    with open_session(sandbox=sandbox, use_cache=not no_cache) as session:
        if dry_run:
            print_estimate(session, files, options, uplink_mbps)
            return
        limits = (max_line, max_lines, max_cps, min_seconds)
        output = TranscriptOutput.create(files, folder, output_format, limits, overwrite=overwrite)
        budget = (max_cost, max_audio_seconds)
        _write_transcripts(session, "Translating", files, options, output, budget=budget)


def _write_transcripts(
    session: CommandSession,
    label: str,
    files: list[Path],
    options: TranscriptionOptions,
    output: TranscriptOutput,
    *,
    budget: tuple[float | None, float | None],
) -> None:
    from apertis_audio_tools.pipeline.accounts import Account, Limits

    account = Account(Limits(*budget))
    with recordings_progress(label, len(files)) as progress:
        sources = [open_input(file) for file in files]
        outcomes = session.client.transcribe_many_with(
            sources, options, account, on_error="skip", progress=progress
        )
        if output.output_format.shows_times and options.piece_seconds is None:
            session.note_missing_times(session.client.choose_model(options))
        write_outcomes(session, outcomes, output)


@app.command()
def speak(
    text: Annotated[
        str | None,
        typer.Argument(
            help="Text to speak; - reads it from standard input.", callback=decode_argument
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="UTF-8 text file to speak.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Its suffix selects the format.")
    ],
    voice: Annotated[
        str, typer.Option(help="alloy, echo, fable, onyx, nova, shimmer, ...")
    ] = VOICE,
    model: Annotated[str, typer.Option(help="Speech model.")] = AUTO,
    speed: Annotated[float | None, typer.Option(help="Speed of the speech, 0.25 to 4.")] = None,
    instructions: Annotated[
        str | None, typer.Option(help="Tone, accent and pace.", callback=decode_argument)
    ] = None,
    overwrite: Overwrite = False,
    sandbox: UseSandbox = False,
) -> None:
    """Convert a text of any length to speech in an audio file."""
    if (text is None) == (file is None):
        raise typer.BadParameter("Give either a text (or - for standard input) or --file.")
    with open_session(sandbox=sandbox) as session:
        content = text if text not in {None, "-"} else read_text(file)
        require_writable(output, overwrite=overwrite)
        with err_console.status("Speaking ..."):
            saved = session.client.save_speech(
                content,
                output,
                voice=voice,
                model=model,
                speed=speed,
                instructions=instructions,
                overwrite=overwrite,
            )
        session.record_response(saved.server)
        if sys.stdout is not None:
            print_result(f"{saved.path}: {saved.duration:.1f} s, {saved.size} bytes")


@app.command()
def ask(
    question: Annotated[
        str, typer.Argument(help="Question to the chat model.", callback=decode_argument)
    ],
    clips: Annotated[
        list[Path] | None,
        recordings_argument(metavar="CLIP", help="Audio clips; - reads standard input."),
    ] = None,
    *,
    model: Annotated[str, typer.Option(help="Chat model.")] = AUTO,
    sandbox: UseSandbox = False,
) -> None:
    """Ask a question, optionally about audio clips."""
    if not question.strip():
        raise typer.BadParameter("The question is empty.")
    with open_session(sandbox=sandbox) as session:
        require_output()
        with err_console.status("Asking ..."):
            sources = [open_input(clip) for clip in clips or ()]
            reply = session.client.chat(question, sources, model=model)
        session.record_response(reply.server)
        print_result(reply.text)


@app.command()
def models(
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="List the models that end, when, and what takes their place."),
    ] = False,
    sandbox: UseSandbox = False,
) -> None:
    """List the models available to the key, and their known capabilities."""
    with open_session(sandbox=sandbox) as session:
        require_output()
        if check:
            _print_ending_models(session.client.check_models())
            return
        rows = [
            (name, ", ".join(sorted(MODELS[name].formats)) if name in MODELS else "")
            for name in session.client.models()
        ]
        print_table([Column("model", no_wrap=True), Column("capabilities", overflow="fold")], rows)


def _print_ending_models(statuses: "Iterable[ModelStatus]") -> None:
    """Print the models that end, with the operations whose default they are."""
    ending = [each for each in statuses if each.is_ending]
    rows = [
        (
            each.name,
            ", ".join(each.default_of),
            each.retires.isoformat() if each.retires else "",
            _describe_state(each),
            ", ".join(each.successors) or "none is announced",
        )
        for each in ending
    ]
    if rows:
        names = ["model", "default of", "ends on", "state", "use instead"]
        print_table([Column(name, overflow="fold") for name in names], rows)
    else:
        print_note("No model of this key is known to end.")


def _describe_state(status: "ModelStatus") -> str:
    if not status.is_listed:
        return "not in the list of this key"
    return "deprecated by the service" if status.is_deprecated else "in the list of this key"


@app.command()
def plugins() -> None:
    """List the entry points for other programs, and whether each program is installed."""
    rows = [
        (each.group, each.name, each.host.name, "yes" if each.host.is_installed else "no")
        for each in list_registrations()
    ]
    with report_errors():
        print_table(["entry point group", "name", "program", "installed"], rows)


@app.command()
def cache(
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Delete all cached transcripts.")] = False,
) -> None:
    """Show the cache of transcripts, which avoids paying twice, or clear it."""
    from rich.filesize import decimal

    from apertis_audio_tools.pipeline.cache import open_cache, user_cache

    with report_errors(), contextlib.closing(open_cache(None) or user_cache()) as transcripts:
        if clear:
            print_result(f"Transcripts forgotten: {transcripts.clear()}.")
        count, size = transcripts.usage()
        print_note(f"Cached transcripts: {count} ({decimal(size)}).")
        print_result(transcripts.path)


app.command("mcp")(serve_mcp)


@app.command("sandbox")
def serve_sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port; 0 selects a free port.")
    ] = 8400,
    engine: Annotated[
        Literal["whisper", "beacon"],
        typer.Option(help="Recogniser: whisper for English speech, beacon for test tones."),
    ] = "whisper",
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Day on which the sandbox is; models have retired by then."
        ),
    ] = None,
    retired_status: Annotated[
        Literal["404", "503"],
        typer.Option(help="Status for retired models: that of the service, or of a gateway."),
    ] = "404",
) -> None:
    """Serve a local stand-in for the API until interrupted; it needs no key."""
    with report_errors():
        from apertis_audio_tools.sandbox import serve

        serve(
            port,
            engine,
            on_ready=_print_settings,
            today=today.date() if today else None,
            retired_status=503 if retired_status == "503" else 404,
        )


def _print_settings(url: str) -> None:
    err_console.print(f"The sandbox serves {url} (stop with Ctrl-C). In another terminal, run:")
    print_result(f"export APERTIS_BASE_URL={url} APERTIS_API_KEY=sk-sandbox")
