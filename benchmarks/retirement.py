"""Run programs of today on a later day: this package, the OpenAI SDK and langchain-openai.

The programs are the Python blocks of the README, unchanged, and the same tasks in the words of the
other clients' own documentation. They meet a sandbox of each day, in which models have retired.

    pip install -e '.[all]' langchain openai langchain-openai
    python benchmarks/retirement.py --write docs/models.md
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from page_parts import replace_part

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from apertis_audio_tools.sandbox import Sandbox  # noqa: E402
from support.doc_pages import code_blocks, copy_recordings, run_code  # noqa: E402  # found above

DAYS = (date(2026, 11, 27), date(2027, 3, 1))
OURS = "this package, README"
TASKS = (
    "LangChain: documents of a folder",
    "LangChain: an agent with tools",
    "LlamaIndex: documents of a folder",
    "LlamaIndex: an agent with tools",
    "transcribe, translate, speak, ask about a clip",
)
"""Tasks of the blocks of the README, in their order."""
OPENAI = """
from openai import OpenAI
client, clip = OpenAI(), open("interview.mp3", "rb")
"""
CLIP = """
import base64
data = base64.b64encode(open("interview.mp3", "rb").read()).decode()
clip = {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
question = {"role": "user", "content": [{"type": "text", "text": "What is said?"}, clip]}
"""
OTHERS = {
    ("openai", "transcribe"): OPENAI
    + 'print(client.audio.transcriptions.create(model="whisper-1", file=clip))',
    ("openai", "translate"): OPENAI
    + 'print(client.audio.translations.create(model="whisper-1", file=clip))',
    ("openai", "speak"): OPENAI
    + 'client.audio.speech.create(model="tts-1", voice="alloy", input="Good morning.").content',
    ("openai", "ask about a clip"): OPENAI
    + CLIP
    + 'print(client.chat.completions.create(model="gpt-4o-audio-preview", messages=[question]))',
    ("langchain-openai", "ask about a clip"): "from langchain_openai import ChatOpenAI\n"
    + CLIP
    + 'print(ChatOpenAI(model="gpt-4o-audio-preview").invoke([question]))',
    ("langchain-openai", "a spoken reply"): """
from langchain_openai import ChatOpenAI
speech = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
print(ChatOpenAI(model="gpt-4o-audio-preview", model_kwargs=speech).invoke("Say yes."))
""",
}


def programs() -> Iterator[tuple[str, str, str]]:
    """Yield the client, the task and the code of each program."""
    blocks = code_blocks(HERE.parent / "README.md", "python")
    for task, code in zip(TASKS, blocks, strict=True):
        yield OURS, task, code
    for (client, task), code in OTHERS.items():
        yield client, task, code


def run_program(number: int, day: date) -> None:
    """Run one program in this process, whose clients of this package are on a day."""
    from apertis_audio_tools.transport.retry import SystemClock

    SystemClock.today = lambda _: day  # type: ignore[method-assign]
    _, _, code = list(programs())[number]
    with contextlib.redirect_stdout(sys.stderr):
        run_code(code, "program.py")


def result_of(number: int, day: date, url: str) -> str:
    """Run one program in a process of its own, and return ``runs`` or the error's sentence."""
    settings = {
        "APERTIS_API_KEY": "sk-reader",
        "APERTIS_BASE_URL": url,
        "OPENAI_API_KEY": "sk-reader",
        "OPENAI_BASE_URL": url,
    }
    with tempfile.TemporaryDirectory() as folder:
        copy_recordings(Path(folder))
        ended = subprocess.run(  # noqa: S603  # this script
            [sys.executable, __file__, "--program", str(number), "--day", day.isoformat()],
            cwd=folder,
            env={**os.environ, **settings, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode == 0:
        return "runs"
    last = ended.stderr.strip().splitlines()[-1]
    return re.sub(r"^([a-z_]+\.)+", "", last).replace("|", "/")


def make_table() -> str:
    """Return a table with a row for each program and a column for each day."""
    rows = [[client, task] for client, task, _ in programs()]
    for day in DAYS:
        with Sandbox(today=day) as url:
            for number, row in enumerate(rows):
                row.append(result_of(number, day, url))
    head = ["client", "task", *(day.isoformat() for day in DAYS)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the table, or write it to a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table to this page")
    parser.add_argument("--program", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--day", type=date.fromisoformat, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program is not None:
        run_program(options.program, options.day)
        return
    table = make_table()
    if options.write:
        replace_part(options.write, "retirement", table)
    else:
        print(table)


if __name__ == "__main__":
    main()
