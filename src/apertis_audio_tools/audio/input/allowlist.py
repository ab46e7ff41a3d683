"""The demuxers and decoders of FFmpeg that may read a recording."""

_DEMUXERS = (
    "mp3,wav,w64,aiff,flac,ogg,mov,mp4,m4a,matroska,webm,mpeg,mpegts,aac,ac3,eac3,amr,asf,avi,"
    "caf,au,flv,ape,wv,tta,dsf,voc"
)
_DECODERS = (
    "aac,aac_latm,ac3,ac3_fixed,adpcm_ct,adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_ima_qt,"
    "adpcm_ima_wav,adpcm_ms,adpcm_sbpro_2,adpcm_sbpro_3,adpcm_sbpro_4,adpcm_swf,adpcm_yamaha,alac,als,amrnb,amrwb,ape,comfortnoise,cook,dca,dsd_lsbf,"
    "dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,eac3,evrc,flac,g722,g723_1,g726,g726le,g729,gsm,"
    "gsm_ms,ilbc,libopencore_amrnb,libopencore_amrwb,libopus,libspeex,mace3,mace6,mlp,mp1,"
    "mp1float,mp2,mp2float,mp3,mp3adu,mp3adufloat,mp3float,mp3on4,mp3on4float,nellymoser,opus,"
    "pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,"
    "pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s64be,pcm_s64le,"
    "pcm_s8,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,qcelp,qdm2,qdmc,"
    "ralf,sbc,sipr,speex,tak,truehd,truespeech,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,"
    "wmavoice"
)
_MAX_STREAMS = 200
"""More than any film with its subtitles has. Each costs memory before a byte of it is read."""

DEMUXER_OPTIONS = {
    "format_whitelist": _DEMUXERS,
    "codec_whitelist": _DECODERS,
    "protocol_whitelist": "none",
    "max_streams": str(_MAX_STREAMS),
}
"""Options of a container that let FFmpeg read nothing but the given bytes and decode only audio.

Playlists, concatenation scripts and protocols are closed, and so are pictures: FFmpeg decodes a
part of each stream when it opens a file, and a cover of half a megabyte may unpack to a gigabyte.
They are options of the container only, because PyAV before 17 crashes on MPEG files when each
stream has options.
"""
DEMUXERS = frozenset(_DEMUXERS.split(","))
DECODERS = frozenset(_DECODERS.split(","))
"""Decoders that may read the chosen track, which the options of the container do not restrict."""

_REFUSED = {
    b"\x06\x0e\x2b\x34": "mxf",
    b".RMF": "RealMedia",
    b"MP+": "Musepack",
    b"MPCK": "Musepack",
    b"NIST_1A": "NIST Sphere",
    b"ajkg": "Shorten",
    b"tBaK": "TAK",
    b"FRM8": "DSDIFF",
    b"nut/multimedia": "NUT",
    b"MThd": "MIDI",
}
"""Formats that are not on the list, by the bytes they begin with."""


def name_refused_format(head: bytes) -> str | None:
    """Return the name of a format that is not on the list, or None if it is not known."""
    return next((name for start, name in _REFUSED.items() if head.startswith(start)), None)
