"""Files that name other files or addresses, which FFmpeg follows by default."""

import base64
from pathlib import Path

from support.hostile.samples import samples


def scripts(path: Path, address: str) -> dict[str, bytes]:
    """Return scripts of each kind that name a file, in several ways, or an address."""
    return {
        f"{kind} {protocol}": text.encode()
        for protocol, target in targets(path, address).items()
        for kind, text in _texts(target).items()
    }


def targets(path: Path, address: str) -> dict[str, str]:
    """Return the names of a file and of an address, by the protocols FFmpeg knows."""
    return {
        "path": str(path),
        "file:": f"file:{path}",
        "subfile:": f"subfile,,start,0,end,0,,:{path}",
        "concat:": f"concat:{path}|{path}",
        "crypto:": f"crypto:{path}",
        "http:": f"http://{address}/a.wav",
        "tcp:": f"tcp://{address}",
        "data:": "data:audio/wav;base64," + base64.b64encode(samples()["wav"]).decode(),
    }


def _texts(target: str) -> dict[str, str]:
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "m3u8 of lists": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n",
        "m3u8 with a key": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-TARGETDURATION:9\n"
        f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n',
        "m3u": f"#EXTM3U\n#EXTINF:1,a\n{target}\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "pls": f"[playlist]\nFile1={target}\nNumberOfEntries=1\nVersion=2\n",
        "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 5004 RTP/AVP 0\n",
        "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="audio/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "imf": '<?xml version="1.0"?><CompositionPlaylist '
        'xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>urn:uuid:1</Id>'
        f"<ContentTitle>{target}</ContentTitle></CompositionPlaylist>",
        "smil": f'<smil><body><audio src="{target}"/></body></smil>',
        "vobsub": f"# VobSub index file, v7\nid: en, index: 0\n{target}\n",
    }
