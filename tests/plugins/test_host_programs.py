"""The plugins in their programs: errors, import weight, folders, keys and file types."""

from collections.abc import Callable

import pytest

from support.plugin_hosts import Host

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BROKEN = [
    pytest.param({"APERTIS_API_KEY": ""}, "There is no API key", id="no key"),
    pytest.param({"APERTIS_BASE_URL": "nonsense"}, "base_url must look like", id="no address"),
]

WEIGHT = """
import sys
import {host}
import apertis_audio_tools.plugins.{name}
print(*sorted(each for each in sys.modules if each.startswith(("apertis_audio_tools", "av"))))
"""

DAMAGED = """
import sys
sys.modules['apertis_audio_tools.adapters.tools'] = None
import llm.cli
llm.cli.cli()
"""

ACCEPTED = """
import io
from markitdown import MarkItDown, StreamInfo
from apertis_audio_tools.plugins.markitdown_converter import RecordingConverter
converter = RecordingConverter(None, {})
def accepts(**info):
    return converter.accepts(io.BytesIO(), StreamInfo(**info))
for suffix in (".m4a", ".MP3", ".opus", ".mov", ".ts", ".mid", ".txt", ".pdf", ".srt", ".m3u"):
    print(suffix, accepts(extension=suffix))
for kind in ("audio/mpeg", "Audio/WAV; rate=8000", "video/mp4", "audio/midi", "video/mp2t"):
    print(kind.partition(";")[0], accepts(mimetype=kind))
print("nothing", accepts())
"""

GROUP = """
import asyncio
from nat.builder.workflow_builder import WorkflowBuilder
from nat.runtime.loader import load_config

async def main():
    async with WorkflowBuilder.from_config(config=load_config("all.yml")) as builder:
        group = await builder.get_function_group("audio")
        functions = await group.get_accessible_functions()
        print(*sorted(functions))
        for name, arguments in (
            ("transcribe_audio", {"path": "standup.m4a"}),
            ("speak_text", {"text": "Good morning."}),
            ("ask_about_audio", {"path": "standup.m4a", "question": "What is said?"}),
        ):
            print(await functions[f"audio__{name}"].ainvoke(arguments))

asyncio.run(main())
"""
CONFIG = """
function_groups:
  audio: {_type: apertis_audio, folder: recordings, output: spoken}
workflow: {_type: apertis_audio_tool, tool: transcribe_audio, folder: recordings}
"""


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("llm", "llm"),
        ("markitdown", "markitdown"),
        ("nat", "nat.plugin_api"),
    ],
)
def test_imports(host: Callable[[str], Host], name: str, module: str) -> None:
    """Loading a plugin imports no other module of this package."""
    printed = host(name).python(WEIGHT.format(host=module, name=name))
    parts = ["", ".plugins", f".plugins.{name}"]
    assert printed.splitlines()[-1].split() == [f"apertis_audio_tools{part}" for part in parts]


@pytest.mark.parametrize(("variables", "words"), BROKEN)
def test_llm_with_invalid_settings(
    host: Callable[[str], Host], variables: dict[str, str], words: str
) -> None:
    """The command llm works without valid settings; requests fail with a one-line message."""
    llm = host("llm")
    assert "transcribe_audio" in llm.run("llm tools list", **variables).stdout
    outcome = llm.run("llm -f audio:meeting.m4a 'What was decided?'", **variables)
    (line,) = outcome.stdout.strip().splitlines()
    assert line.startswith("Error: Could not load fragment audio:meeting.m4a: ")
    assert words in line
    outcome = llm.run("""llm -T transcribe_audio 'Call transcribe_audio with "meeting.m4a".'""")
    assert "The meeting is tomorrow." in outcome.stdout


def test_llm_with_damaged_installation(host: Callable[[str], Host]) -> None:
    """If this package is damaged, llm loses its tools and no others."""
    printed = host("llm").run(f'python -c "{DAMAGED}" tools list').stdout
    assert "apertis-audio-tools cannot offer its tools: " in printed
    assert "llm_version" in printed


def test_llm_folder(host: Callable[[str], Host]) -> None:
    """A folder becomes one fragment per recording; a folder without recordings is an error."""
    llm = host("llm")
    llm.run("cp meeting.m4a recordings/ && mkdir empty")
    outcome = llm.run("llm -f audio:recordings 'What was decided?'").stdout
    assert outcome.index("meeting.m4a\n[00:00:00]") < outcome.index("standup.m4a\n[00:00:00]")
    assert "There are no recordings in the folder" in llm.run("llm -f audio:empty hello").stdout
    assert "no file or folder 'none'" in llm.run("llm -f audio:none hello").stdout


def test_llm_key(host: Callable[[str], Host]) -> None:
    """Fragments and the command use the key that llm stores."""
    llm = host("llm")
    llm.run("llm keys set apertis --value sk-stored")
    for command in ("llm fragments show audio:meeting.m4a", "llm apertis-audio ask Hello"):
        outcome = llm.run(command, APERTIS_API_KEY="")
        assert outcome.returncode == 0, outcome.stdout
    llm.run("llm keys set apertis --value wrong-key")
    outcome = llm.run("llm fragments show audio:meeting.m4a", APERTIS_AUDIO_CACHE="0")
    assert "401" in outcome.stdout


def test_llm_speech(host: Callable[[str], Host]) -> None:
    """Speech becomes a new file in its folder, which other tools can read."""
    llm = host("llm")
    llm.run("""llm -T speak_text 'Call speak_text with "Good morning."'""")
    (spoken,) = (llm.folder / "spoken").iterdir()
    assert spoken.stat().st_size > 1000
    command = f"llm -T ask_about_audio 'Call ask_about_audio with path \"spoken/{spoken.name}\".'"
    assert "The tool answered" in llm.run(command).stdout


@pytest.mark.parametrize(("variables", "words"), BROKEN)
def test_markitdown_with_invalid_settings(
    host: Callable[[str], Host], variables: dict[str, str], words: str
) -> None:
    """Without valid settings, recordings are errors and other files are converted."""
    markitdown = host("markitdown")
    outcome = markitdown.run("markitdown --use-plugins meeting.m4a", **variables)
    assert outcome.returncode != 0
    assert words in outcome.stdout.strip().splitlines()[-1]
    (markitdown.folder / "page.html").write_text("<h1>Minutes</h1>")
    outcome = markitdown.run("markitdown --use-plugins page.html", **variables)
    assert outcome.stdout.strip() == "# Minutes"


def test_markitdown_recovers(host: Callable[[str], Host]) -> None:
    """A failed conversion does not affect the next one."""
    printed = host("markitdown").python(
        "from markitdown import FileConversionException, MarkItDown\n"
        "converter = MarkItDown(enable_plugins=True)\n"
        "open('bad.mp3', 'w').write('hello ' * 100)\n"
        "for name in ('bad.mp3', 'meeting.m4a', 'bad.mp3', 'program.py'):\n"
        "    try:\n"
        "        print(converter.convert(name).markdown.splitlines()[-1])\n"
        "    except FileConversionException as error:\n"
        "        print(error)\n"
    )
    first, second, third, last = printed.splitlines()
    assert "bad.mp3 is damaged, or not on the list" in first
    assert second == "[00:00:00] The meeting is tomorrow."
    assert third == first
    assert last == "        print(error)"


def test_markitdown_with_unknown_options(host: Callable[[str], Host]) -> None:
    """An unknown option ends the conversion: no other converter gets the recording."""
    printed = host("markitdown").python(
        "from markitdown import FileConversionException, MarkItDown\n"
        "program = MarkItDown(enable_plugins=True, apertis_options={'langauge': 'de'})\n"
        "try: print(program.convert('meeting.m4a').markdown)\n"
        "except FileConversionException as error: print('failed:', error)"
    )
    assert printed.startswith("failed: ")
    assert "'langauge'" in printed


def test_markitdown_file_types(host: Callable[[str], Host]) -> None:
    """Files are accepted by suffix or media type; similar types are not."""
    printed = host("markitdown").python(ACCEPTED)
    answers = dict(line.rsplit(" ", 1) for line in printed.splitlines())
    accepted = {name for name, answer in answers.items() if answer == "True"}
    assert accepted == {".m4a", ".MP3", ".opus", ".mov", "audio/mpeg", "Audio/WAV", "video/mp4"}


def test_nat(host: Callable[[str], Host]) -> None:
    """The function group has all tools, and they work."""
    nat = host("nat")
    (nat.folder / "all.yml").write_text(CONFIG)
    *_, names, transcript, speech, answer = nat.python(GROUP).strip().splitlines()
    assert names.split() == [
        "audio__ask_about_audio",
        "audio__list_recordings",
        "audio__speak_text",
        "audio__transcribe_audio",
        "audio__translate_audio",
    ]
    assert transcript == "[00:00:00] The meeting is tomorrow."
    assert "tomorrow" in answer
    (file,) = (nat.folder / "spoken").iterdir()
    assert file.name in speech


@pytest.mark.parametrize(("variables", "words"), BROKEN)
def test_nat_with_invalid_settings(
    host: Callable[[str], Host], variables: dict[str, str], words: str
) -> None:
    """Components are listed without valid settings; runs fail with a clear message."""
    nat = host("nat")
    (nat.folder / "all.yml").write_text(CONFIG)
    listed = nat.run("nat info components -t function -q apertis", **variables)
    assert "apertis_audio_" in listed.stdout
    outcome = nat.run("nat run --config_file all.yml --input standup.m4a", **variables)
    assert outcome.returncode != 0
    assert words in outcome.stdout
