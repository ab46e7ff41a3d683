"""Check recordings, and hide parts of them, before FFmpeg reads them."""

from apertis_audio_tools.audio.input.id3_tags import without_costly_tags
from apertis_audio_tools.audio.input.isolation import require_bounded_probe
from apertis_audio_tools.audio.input.mp4_claims import require_plausible_samples
from apertis_audio_tools.audio.input.riff_chunks import without_surplus
from apertis_audio_tools.audio.input.sources import Source, SourceContent, open_source
from apertis_audio_tools.audio.input.tags import without_inner_tags
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.input.vorbis_comments import require_few_comments


def open_screened(source: Source, *, isolate: bool = False) -> SourceContent:
    """Return the content of a source, without parts that are not audio and costly to read.

    With `isolate`, a child process opens it first; see `isolation`.

    Raises:
        RecordingError: If the source cannot be read, or claims more than it contains.
    """
    content = open_source(source)
    try:
        with map_av_errors(content.label):
            if isolate:
                require_bounded_probe(content)
            content = without_costly_tags(without_inner_tags(without_surplus(content)))
            require_plausible_samples(content)
            require_few_comments(content)
            return content
    except BaseException:
        content.close()
        raise
