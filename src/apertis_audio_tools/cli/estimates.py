"""Print estimates, which ``--dry-run`` asks for, and costs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Column

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.cli.session import CommandSession, print_note
from apertis_audio_tools.cli.standard_streams import input_name, open_input, require_output
from apertis_audio_tools.cli.tables import print_table

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.estimates import Estimate, RecordingEstimate

_COLUMNS = ("pieces", "cached", "requests", "seconds", "MB", "dollars")
_MEGABYTE = 1_000_000
_SHOWN_PARTS = 10_000
_UNKNOWN = "unknown"


def print_estimate(
    session: CommandSession,
    files: Sequence[Path],
    options: TranscriptionOptions,
    uplink_mbps: float | None,
) -> None:
    """Print what a run would send and cost, and report recordings that cannot be read."""
    require_output()
    estimate = session.client.estimate_with(
        [open_input(file) for file in files], options, uplink_mbps=uplink_mbps
    )
    names = [str(input_name(file)) for file in files]
    numbers = [Column(each, justify="right") for each in _COLUMNS]
    rows = [
        (name, *_cells(each, each.pieces))
        for name, each in zip(names, estimate.recordings, strict=True)
    ]
    total = ("total", *_cells(estimate, estimate.pieces))
    print_table([Column("recording", overflow="fold"), *numbers], [*rows, total])
    for note in _notes(estimate):
        print_note(note)
    for name, each in zip(names, estimate.recordings, strict=True):
        if each.error:
            session.report_failure(name, each.error)


def _cells(estimate: "Estimate | RecordingEstimate", pieces: int) -> tuple[str, ...]:
    return (
        str(pieces),
        str(estimate.cached_pieces),
        str(estimate.requests),
        f"{estimate.seconds:.1f}",
        f"{estimate.size / _MEGABYTE:.2f}",
        _UNKNOWN if estimate.cost is None else f"{estimate.cost:.4f}",
    )


def _notes(estimate: "Estimate") -> list[str]:
    """Return sentences about the price, the upload, and what is not known before."""
    price, notes = estimate.price, list[str]()
    if price is not None and price.per_hour is not None:
        notes.append(
            f"Price of {estimate.model}: ${price.per_hour:g} an hour of audio ({price.source}, "
            f"{price.read_on.isoformat()})."
        )
    else:
        notes.append(f"The price of {estimate.model} for an hour of audio is not known.")
    if estimate.max_cost:
        enough = math.ceil(estimate.max_cost * _SHOWN_PARTS) / _SHOWN_PARTS
        notes.append(f"Enough for --max-cost if nothing is repeated: {enough:.4f}.")
    if estimate.upload_minutes is not None:
        notes.append(f"The upload takes {estimate.upload_minutes:.1f} minutes.")
    if estimate.translates_text:
        notes.append(
            "A chat model translates the text then; its tokens are not known before, and not "
            "part of this."
        )
    return notes
