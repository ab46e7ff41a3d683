"""Choose the audio tracks of a recording that are transcribed."""

from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

from apertis_audio_tools.audio.input.sampling import Window, sample_track
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import Track, TrackInfo, open_track
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import TrackChoice

_WINDOWS = (Window(0, 60.0), Window(1 / 3, 10.0), Window(2 / 3, 10.0))
"""Parts of a track that are heard to find out whether it is silent."""
_SILENCE = 32.0**2
"""Mean power of a tenth of a second (of samples up to 32,767) that is inaudible: -60 dB."""
_MAX_HEARD_TRACKS = 16
"""Tracks that are heard to find one that is not silent."""
_MAX_MIXED_TRACKS = 32
"""Tracks that are mixed. Each is read by itself, so that memory does not depend on their order."""
_MAX_NAMED_TRACKS = 8
_MAX_TEXT = 60
"""Characters of a title or language in a note."""


class TrackChoices(NamedTuple):
    """Indexes of the tracks that are transcribed, and notes about the choice."""

    indexes: tuple[int, ...]
    notes: tuple[str, ...] = ()


def choose_tracks(content: SourceContent, choice: TrackChoice, track: Track) -> TrackChoices:
    """Return the tracks that a choice stands for.

    By default it is the track that would be played. If it is silent in its first minute and in two
    later samples, it is the first that is not.

    Args:
        content: The recording.
        choice: What was asked for.
        track: The track that is open already: the one that would be played, if none was chosen.

    Raises:
        UnsupportedError: If there are too many tracks to mix.
    """
    decodable = [at for at, each in enumerate(track.tracks) if each.is_decodable]
    if len(track.tracks) == 1 or isinstance(choice, int):
        return TrackChoices((track.index,))
    if choice == "all":
        return _choose_all(track, decodable)
    chosen = _first_audible(content, track.index, decodable)
    return TrackChoices((chosen,), (_choice_note(track, chosen),))


def _choose_all(track: Track, decodable: Sequence[int]) -> TrackChoices:
    if len(decodable) > _MAX_MIXED_TRACKS:
        raise UnsupportedError(
            f"{track.label} has {len(decodable)} audio tracks; up to {_MAX_MIXED_TRACKS} are mixed."
        )
    missing = [at for at in range(len(track.tracks)) if at not in decodable]
    notes = (_missing_note(track, missing),) if missing else ()
    return TrackChoices(tuple(decodable), notes)


def _first_audible(content: SourceContent, index: int, decodable: Sequence[int]) -> int:
    """Return a track, or the first that is not silent if it is, or the same if all are."""
    candidates = [index, *(at for at in decodable if at != index)][:_MAX_HEARD_TRACKS]
    audible = (at for at in candidates if _is_audible(content, at))
    return next(audible, index)


def _is_audible(content: SourceContent, index: int) -> bool:
    with open_track(content, index) as track:
        return any(map(_is_loud, sample_track(track, content, _WINDOWS)))


def _is_loud(channels: Sequence[Sequence[int]]) -> bool:
    return any(sum(map(mul, each, each)) > _SILENCE * len(each) for each in channels)


def _choice_note(track: Track, chosen: int) -> str:
    reason = f", because track {track.index} is silent" if chosen != track.index else ""
    return (
        f"{_describe_all(track)} Track {chosen} is used{reason}; another, or all of them, can be "
        "chosen with track=."
    )


def _missing_note(track: Track, missing: Sequence[int]) -> str:
    numbers = ", ".join(map(str, missing))
    return f"{_describe_all(track)} All are mixed but {numbers}, which cannot be decoded."


def _describe_all(track: Track) -> str:
    return f"It has {len(track.tracks)} audio tracks: {_names(track.tracks)}."


def _names(tracks: Sequence[TrackInfo]) -> str:
    names = [f"{at} ({_name(track)})" for at, track in enumerate(tracks[:_MAX_NAMED_TRACKS])]
    if len(tracks) > _MAX_NAMED_TRACKS:
        names.append(f"{len(tracks) - _MAX_NAMED_TRACKS} more")
    return ", ".join(names)


def _name(track: TrackInfo) -> str:
    codec = track.codec or "unknown codec"
    facts = [
        printable(track.language) if track.language != "und" else "",
        f'"{printable(track.title)}"' if track.title else "",
        codec if track.is_decodable else f"{codec}, cannot be decoded",
    ]
    return ", ".join(filter(None, facts))


def printable(text: str) -> str:
    """Return a text from the file as messages can carry it, however long and odd it is."""
    short = text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
    return "".join(each if each.isprintable() else "_" for each in short)
