"""Check recordings, and hide parts of them, before FFmpeg reads them."""

from dataclasses import replace

from apertis_audio_tools.audio.input.id3_tags import (
    end_of_tags,
    require_no_costly_tags,
    without_costly_tags,
)
from apertis_audio_tools.audio.input.isolation import require_bounded_probe
from apertis_audio_tools.audio.input.mp4_claims import require_plausible_samples
from apertis_audio_tools.audio.input.mpeg_frames import walk_frames
from apertis_audio_tools.audio.input.riff_chunks import without_surplus
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tags import without_inner_tags
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.input.vorbis_comments import require_few_comments


def screen(content: SourceContent, *, isolate: bool = False) -> SourceContent:
    """Return a content without parts that are not audio and costly to read.

    With `isolate`, a child process opens it first; see `isolation`. After an error it is closed.

    Raises:
        RecordingError: If the source cannot be read, or claims more than it contains.
    """
    try:
        with map_av_errors(content.label):
            if isolate:
                require_bounded_probe(content)
            content = find_frames(content)
            if content.frames is None:
                content = without_costly_tags(without_inner_tags(content))
            require_no_costly_tags(content)
            require_plausible_samples(content)
            require_few_comments(content)
            return content
    except BaseException:
        content.close()
        raise


def find_frames(content: SourceContent) -> SourceContent:
    """Return a content without what is not audio around it, and the frames if it is a plain mp3."""
    if content.frames is not None:
        return content
    content = without_costly_tags(without_surplus(content))
    with content.open() as stream:
        frames = walk_frames(stream, end_of_tags(stream), content.size)
    return replace(content, frames=frames) if frames else content
