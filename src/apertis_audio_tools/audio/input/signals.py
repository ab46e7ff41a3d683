"""The signals of a recording that are transcribed one by one: its channels, or its tracks."""

from collections.abc import Sequence
from dataclasses import replace

from apertis_audio_tools.api.speakers import SpeakerSource
from apertis_audio_tools.audio.input.channels import ChannelMix
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.errors import UnsupportedError

_MAX_CHANNELS = 8
"""Channels that are transcribed without being named. Field recorders have 60."""


def split_signals(
    recording: Recording, source: SpeakerSource, channels: Sequence[int] | None = None
) -> list[Recording]:
    """Return a recording for each channel or each track, which shares the content.

    Args:
        recording: The recording; for tracks, one that was probed with all of them.
        source: ``channels`` or ``tracks``.
        channels: Indexes of the channels. Defaults to all.

    Raises:
        UnsupportedError: If there is only one, if there are too many channels, or if one of those
            that were named does not exist.
    """
    if source == "tracks":
        if len(recording.tracks) == 1:
            raise _alone_error(recording, "audio track", "channels")
        return [
            replace(recording, tracks=(track,), start=track.start, notes=())
            for track in recording.tracks
        ]
    indexes = _choose_channels(recording, channels)
    return [_channel(recording, index) for index in indexes]


def _choose_channels(recording: Recording, channels: Sequence[int] | None) -> Sequence[int]:
    count = recording.channels
    if count == 1:
        raise _alone_error(recording, "channel", "tracks")
    missing = [each for each in channels or () if each >= count]
    if missing:
        raise UnsupportedError(
            f"{recording.label} has {count} channels; channels has {missing[0]}, and can have 0 to "
            f"{count - 1}."
        )
    if channels is None and count > _MAX_CHANNELS:
        raise UnsupportedError(
            f"{recording.label} has {count} channels; name those with a speaker, such as "
            "channels=[0, 1]."
        )
    return range(count) if channels is None else channels


def _channel(recording: Recording, index: int) -> Recording:
    signs = tuple(int(at == index) for at in range(recording.channels))
    track = recording.tracks[0]
    level = track.mix.level if track.mix else 1.0
    mixed = replace(track, mix=ChannelMix(signs, 1.0, level))
    return replace(recording, tracks=(mixed,), notes=())


def _alone_error(recording: Recording, signal: str, other: str) -> UnsupportedError:
    return UnsupportedError(
        f"{recording.label} has one {signal}, which does not tell speakers apart. Leave out "
        f'speakers, pass a diarizer or speakers="{other}", or use a model that names speakers.'
    )
