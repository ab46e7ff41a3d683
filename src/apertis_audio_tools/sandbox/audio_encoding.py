"""Encode samples in the six speech formats, as a stream that starts before the samples end."""

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

SAMPLE_RATE: Final = 24_000
_UNKNOWN_SIZE: Final = 0xFFFFFFFF
_BLOCK_BYTES: Final = 64 * 1024
_MIN_TEMPO: Final = 0.5
_MUXERS: Final = {
    # The mp3 options omit headers that could only be finished by seeking back.
    "mp3": ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}, 64_000),
    "opus": ("ogg", "libopus", {}, 32_000),
    "aac": ("adts", "aac", {}, 64_000),
    "flac": ("flac", "flac", {}, None),
}


def encode(pcm: Iterable[bytes], rate: int, speech_format: str, speed: float) -> Iterator[bytes]:
    """Encode speech at 24,000 Hz mono.

    Args:
        pcm: Blocks of signed 16-bit mono samples, in the byte order of this machine.
        rate: Sample rate of the blocks in Hz.
        speech_format: One of mp3, opus, aac, flac, wav, pcm and pcm16.
        speed: Factor by which the speech becomes faster, at the same pitch.

    Yields:
        The parts of the file. The sizes in a wav header are those of a stream: 0xFFFFFFFF.
    """
    frames = _change_speed(pcm, rate, speed)
    if speech_format in _MUXERS:
        yield from _mux(frames, speech_format)
        return
    if speech_format == "wav":
        yield _wav_header()
    for frame in frames:
        yield bytes(frame.planes[0])[: frame.samples * 2]


def _change_speed(pcm: Iterable[bytes], rate: int, speed: float) -> Iterator[AudioFrame]:
    graph = _speed_graph(rate, speed)
    position = 0
    for block in _small_blocks(pcm):
        frame = AudioFrame("s16", "mono", len(block) // 2)
        frame.planes[0].update(block)
        frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
        position += frame.samples
        graph.push(frame)
        yield from _pull_frames(graph)
    graph.push(None)
    yield from _pull_frames(graph)


def _small_blocks(pcm: Iterable[bytes]) -> Iterator[bytes]:
    """Divide the samples, because FFmpeg keeps several buffers as large as its largest frame."""
    for block in pcm:
        for start in range(0, len(block), _BLOCK_BYTES):
            yield block[start : start + _BLOCK_BYTES]


def _speed_graph(rate: int, speed: float) -> Graph:
    graph = Graph()
    steps = [speed] if speed >= _MIN_TEMPO else [_MIN_TEMPO, speed / _MIN_TEMPO]
    tempo = [graph.add("atempo", f"{step}") for step in steps if step != 1]
    source = graph.add_abuffer(
        sample_rate=rate, format="s16", layout="mono", time_base=Fraction(1, rate)
    )
    output = f"sample_rates={SAMPLE_RATE}:sample_fmts=s16:channel_layouts=mono"
    graph.link_nodes(source, *tempo, graph.add("aformat", output), graph.add("abuffersink"))
    graph.configure()
    return graph


def _pull_frames(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield cast("AudioFrame", frame)


class _Sink:
    """Unseekable file that holds the muxer's output until it is taken."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def take(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)


def _mux(frames: Iterable[AudioFrame], speech_format: str) -> Iterator[bytes]:
    muxer, codec, options, bit_rate = _MUXERS[speech_format]
    sink = _Sink()
    with av.open(sink, "w", format=muxer, options=options) as container:
        stream = cast("AudioStream", container.add_stream(codec, rate=SAMPLE_RATE, layout="mono"))
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for frame in frames:
            container.mux(stream.encode(frame))
            yield sink.take()
        container.mux(stream.encode(None))
    yield sink.take()


def _wav_header() -> bytes:
    fmt = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, SAMPLE_RATE * 2, 2, 16)
    sizes = [len(fmt).to_bytes(4, "little"), _UNKNOWN_SIZE.to_bytes(4, "little")]
    return b"".join((b"RIFF", sizes[1], b"WAVEfmt ", sizes[0], fmt, b"data", sizes[1]))
