"""Find out what a recording is, by its bytes and never by its name."""

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Self

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.channels import ChannelMix, choose_mix
from apertis_audio_tools.audio.input.frame_headers import ELEMENTARY_CONTAINERS
from apertis_audio_tools.audio.input.frames import count_samples, first_sample_stamp
from apertis_audio_tools.audio.input.joined_files import divide_joined_files
from apertis_audio_tools.audio.input.lost_audio import LostAudio
from apertis_audio_tools.audio.input.screening import find_frames, screen
from apertis_audio_tools.audio.input.sources import Source, SourceContent, open_source
from apertis_audio_tools.audio.input.track_choice import TrackChoices, choose_tracks, printable
from apertis_audio_tools.audio.input.tracks import (
    MICROSECONDS,
    Track,
    first_stamp,
    map_av_errors,
    open_track,
    stamped_seconds,
)
from apertis_audio_tools.audio.input.upload_formats import MEDIA_TYPES, find_upload_format
from apertis_audio_tools.audio.input.wav_layout import (
    WavLayout,
    are_numbers,
    read_plain_wav,
    read_wav_layout,
)
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from apertis_audio_tools.models import MAX_UPLOAD_BYTES, TrackChoice

_GUESSING_CONTAINERS = frozenset({"aac", "mpeg"})
"""Containers whose duration FFmpeg guesses from the bit rate of the beginning."""
_ABSOLUTE_CONTAINERS = frozenset({"matroska", "webm"})
"""Containers whose duration is the time stamp of the end, wherever the first one is."""
_STATING_CONTAINERS = frozenset(
    {"aiff", "au", "caf", "flac", "matroska", "mp4", "tta", "webm", "wv"}
)
"""Containers whose header says how long the recording is, whatever follows it."""
_MAX_START = 24 * 3600.0
"""Seconds at which a track may begin. Later ones come from damage, or from a clock that was set."""
_NOTED_START = 0.5
"""Seconds from which on a late beginning is worth a note."""
_ONLY_TRACK: tuple[TrackChoice, ...] = ("default", "all", 0)
"""Choices that a recording with one track fulfils."""
_MP3_DECODER = "mp3float"
"""FFmpeg's name of the decoder that it chooses for mp3."""
_CHECKED_PACKETS, _MAX_DAMAGE = 32, 0.5
"""Packets in WAVE that are checked, and the share of them that may be damaged. A decoder may
understand one or two of them by chance."""


@dataclass(frozen=True, slots=True)
class ChosenTrack:
    """An audio track that is transcribed.

    Attributes:
        index: Index among the audio tracks.
        start: Seconds on the player's time line at which its first sample is.
        mix: Factors with which its channels are added, or None if anyone may do that.
    """

    index: int
    start: float
    mix: ChannelMix | None


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and all that was found out about it when it was opened.

    A context manager, which closes the file. It is opened again if it is read after that.

    Attributes:
        content: The bytes.
        container: Name of the container, such as ``mp3``, ``ogg``, ``mp4`` or ``webm``.
        codec: FFmpeg's name of the codec.
        duration: Seconds from the first sample to the last.
        sample_rate: Sample rate in Hz.
        channels: Number of channels.
        links: The recordings it was joined of; in nearly all cases only itself.
        wav_layout: Positions of the samples if they can be cut as bytes, or None.
        is_copyable: Whether its packets can be copied into pieces.
        track: The audio track that was asked for.
        tracks: The audio tracks that are transcribed: one, or several to be mixed.
        is_plain: Whether the file holds nothing but the track, which anyone may mix to one channel.
        start: Seconds on the player's time line at which its first sample is; 0 for most.
        notes: Sentences about what was noticed when it was opened.
        voiced: Seconds after `start` between which there is something to send, or None for all.
        lost: Places without audio, as far as it was decoded.
    """

    content: SourceContent
    container: str
    codec: str
    duration: float
    sample_rate: int
    channels: int
    links: tuple[SourceContent, ...]
    wav_layout: WavLayout | None
    is_copyable: bool
    track: TrackChoice
    tracks: tuple[ChosenTrack, ...]
    is_plain: bool
    start: float
    notes: tuple[str, ...]
    voiced: tuple[tuple[float, float], ...] | None = None
    lost: LostAudio = field(default_factory=LostAudio, compare=False)

    @property
    def label(self) -> str:
        """Name of the recording in messages."""
        return self.content.label

    @property
    def end(self) -> float:
        """Seconds on the player's time line at which its last sample ends."""
        return self.start + self.duration

    @property
    def noticed(self) -> tuple[str, ...]:
        """Its notes, and one about places without audio, if any were found since."""
        return (*self.notes, *self.lost.notes(self.start))

    @property
    def sent_seconds(self) -> float:
        """Seconds that are sent: all, or those that are voiced."""
        if self.voiced is None:
            return self.duration
        return sum(end - start for start, end in self.voiced)

    @property
    def claimed_end(self) -> float | None:
        """The end by a header that describes only this audio and should be right, or None."""
        return self.end if self.is_plain and self.container in _STATING_CONTAINERS else None

    @property
    def is_accepted(self) -> bool:
        """True if the service surely decodes this codec in this container."""
        return find_upload_format(self.container, self.codec) is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.content.close()

    def digest(self) -> str:
        """Return the SHA-256 of the source's bytes, in hexadecimal."""
        return self.content.digest()

    def upload(self) -> Upload:
        """Return the unchanged recording, under a name whose extension matches its container.

        Raises:
            UnsupportedError: If the service may not decode this codec in this container.
        """
        accepted = find_upload_format(self.container, self.codec)
        if accepted is None:
            raise UnsupportedError(
                f"{self.label} is {self.container} ({self.codec}), which the service does not "
                f"accept; convert it to one of: {', '.join(sorted(MEDIA_TYPES))}."
            )
        choices = accepted.suffixes
        suffix = self.content.suffix if self.content.suffix in choices else choices[0]
        name = self.label if "." in self.label else "audio"
        stem = name.rpartition(".")[0] or "audio"
        return Upload(f"{stem}.{suffix}", MEDIA_TYPES[suffix], self.content.size, self.content.open)


def probe(source: Source, *, track: TrackChoice = "default", isolate: bool = False) -> Recording:
    """Return what a source contains.

    Args:
        source: The recording.
        track: Audio track: an index among them, or ``all`` to mix them. Defaults to ``default``,
            the one that a player would play.
        isolate: Whether a child process opens it first, with limits on its memory and time (Linux).
            Defaults to False.

    Raises:
        RecordingError: If the source is missing, is empty, or has no audio that can be decoded.
    """
    return probe_content(open_source(source), track=track, isolate=isolate)


def probe_content(
    content: SourceContent, *, track: TrackChoice = "default", isolate: bool = False
) -> Recording:
    """Return what an open source contains; see `probe`. After an error it is closed."""
    try:
        with map_av_errors(content.label):
            content = find_frames(content)
            if plain := _describe_plain(content, track):
                return plain
        content = screen(content, isolate=isolate)
        return _examine(content, track)
    except BaseException:
        content.close()
        raise


def _describe_plain(content: SourceContent, choice: TrackChoice) -> Recording | None:
    """Return what a plain file with one channel contains, or None if FFmpeg has to read it.

    Its headers say everything: there is no other track, and nothing to be mixed.
    """
    frames, layout = content.frames, None
    if choice not in _ONLY_TRACK or (frames is not None and frames.channels > 1):
        return None
    if frames is not None:
        facts = "mp3", _MP3_DECODER, frames.stamped_seconds, frames.sample_rate
    elif layout := read_plain_wav(content):
        facts = "wav", layout.codec, layout.seconds, layout.sample_rate
    else:
        return None
    return Recording(
        content,
        *facts,
        channels=1,
        links=(content,),
        wav_layout=layout,
        is_copyable=layout is None,
        track=choice,
        tracks=(ChosenTrack(0, 0.0, None),),
        is_plain=True,
        start=0.0,
        notes=content.notes,
    )


def _examine(content: SourceContent, choice: TrackChoice) -> Recording:
    with open_track(content, choice if isinstance(choice, int) else None) as track:
        chosen = choose_tracks(content, choice, track)
        if track.index in chosen.indexes:
            return _describe(content, track, choice, chosen)
    with open_track(content, chosen.indexes[0]) as track:
        return _describe(content, track, choice, chosen)


def _describe(
    content: SourceContent, track: Track, choice: TrackChoice, chosen: TrackChoices
) -> Recording:
    """Return what a recording contains; `track` is one of the chosen tracks, and just opened."""
    decoder, is_copyable = track.decoder, track.is_copyable
    codec, sample_rate, channels = decoder.name, decoder.sample_rate, decoder.channels
    layout = read_wav_layout(track, content)
    links = divide_joined_files(content, track.container)
    if track.container == "wav" and is_copyable:
        _require_frames(content, track.index)
    zero = track.zero
    if zero is None:
        zero = 0.0 if track.is_alone else first_stamp(content)
    tracks = tuple(_inspect(content, track, index, zero) for index in chosen.indexes)
    if len(links) > 1:  # the mix is chosen for each of them, when it is decoded
        tracks = tuple(replace(each, mix=None) for each in tracks)
    start = min(each.start for each in tracks)
    if layout is not None:
        duration = layout.seconds
    elif len(links) > 1:
        duration = sum(_link_duration(link, track.index) for link in links)
    else:
        duration = _duration(content, track, zero, start)
    is_changed = len(tracks) > 1 or tracks[0].mix is not None
    notes = (
        *(*content.notes, *chosen.notes),
        *(*_note_start(start), *_note_links(len(links)), *_note_codecs(track.sample_codecs)),
        *_note_level(tracks),
    )
    if layout is not None and not are_numbers(layout, content):
        is_changed, notes = True, (*notes, "Samples of it that are no numbers become silence.")
    return Recording(
        content,
        track.container,
        codec,
        duration,
        sample_rate,
        channels,
        links,
        wav_layout=None if is_changed else layout,
        is_copyable=is_copyable and not is_changed,
        track=choice,
        tracks=tracks,
        is_plain=track.is_alone and track.has_one_format and not is_changed,
        start=start,
        notes=notes,
    )


def _inspect(content: SourceContent, track: Track, index: int, zero: float) -> ChosenTrack:
    """Return when a track begins and how its channels are mixed.

    `track` is read if it is the track, so that its index is not in memory twice.
    """
    if index != track.index:
        with open_track(content, index) as other:
            return _inspect(content, other, index, zero)
    start = 0.0 if track.is_alone and not _is_trimmed(track) else _start(track, zero)
    return ChosenTrack(index, start, choose_mix(track, content))


def _require_frames(content: SourceContent, index: int) -> None:
    """Raise an error if a compressed track is not divided into frames, which WAVE cannot do."""
    with open_track(content, index) as track:
        packets = list(islice(track.packets(), _CHECKED_PACKETS))
        damaged = sum(count_samples(track.decoder, packet) is None for packet in packets)
        if damaged > len(packets) * _MAX_DAMAGE:
            raise RecordingError(
                f"{track.label} cannot be decoded: its {track.codec} has no frame headers, and wav "
                "does not say where frames end; convert the original, for example to flac."
            )


def _is_trimmed(track: Track) -> bool:
    """Return whether the decoder may leave out samples of which the container does not know."""
    return not track.is_copyable and not track.codec.startswith("pcm_")


def _start(track: Track, zero: float) -> float:
    """Return the seconds on the player's time line at which the first sample of a track is."""
    start = (first_sample_stamp(track) or zero) - zero
    return start if 0 < start <= _MAX_START else 0.0


def _note_start(start: float) -> tuple[str, ...]:
    if start < _NOTED_START:
        return ()
    return (f"Its audio begins {start:.1f} s after the recording does.",)


def _note_links(count: int) -> tuple[str, ...]:
    return (f"It was joined of {count} recordings, all of which are read.",) if count > 1 else ()


def _note_level(tracks: tuple[ChosenTrack, ...]) -> tuple[str, ...]:
    level = min((each.mix.level for each in tracks if each.mix), default=1.0)
    if level == 1.0:
        return ()
    return (f"Its samples go up to {1 / level:.0f} times full scale, and are made quieter.",)


def _note_codecs(codecs: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(codecs)) < 2:  # noqa: PLR2004  # several codecs
        return ()
    names = ", ".join(map(printable, sorted(set(codecs))))
    return (
        f"Its track describes samples of several codecs ({names}); {printable(codecs[0])} is read.",
    )


def _link_duration(link: SourceContent, index: int) -> float:
    with open_track(link, index) as track:
        return _duration(link, track, track.zero or 0.0, 0.0)


def _duration(content: SourceContent, track: Track, zero: float, start: float) -> float:
    """Return seconds by the header, or by the packets if the header does not know or guesses."""
    if track.edited_seconds is not None:
        return track.edited_seconds
    if content.frames is not None:
        return content.frames.stamped_seconds
    is_guess = track.container in _GUESSING_CONTAINERS or (
        track.container in ELEMENTARY_CONTAINERS and content.size <= MAX_UPLOAD_BYTES
    )
    if track.demuxer.duration and not is_guess:
        seconds = track.demuxer.duration / MICROSECONDS
        before = start + (zero if track.container in _ABSOLUTE_CONTAINERS else 0.0)
        return seconds - before if seconds > before else seconds
    with open_track(content, track.index) as unread:
        stamped = stamped_seconds(unread.packets())
    if stamped is None:
        raise RecordingError(
            f"{track.label} contains no audio: there is not a single packet of it."
        )
    return stamped
