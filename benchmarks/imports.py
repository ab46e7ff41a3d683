"""Measure the CPU time of imports, in processes of their own that run in turn.

The client is compared with that of the openai package, if it is installed; the classes of the
adapters are measured beyond their framework, which is imported first.

    python benchmarks/imports.py [--runs 15] [--short]
"""

import argparse
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from measure_process import medians

SOURCE = Path(__file__).parent.parent / "src"
MILLISECONDS = 1000
BARE = "python"
OPENAI = "openai's client"
LANGCHAIN = """
from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool, BaseToolkit
"""
LANGCHAIN_CLASSES = """
from apertis_audio_tools.langchain import (
    ApertisAudioLoader, ApertisAudioParser, ApertisAudioToolkit, ChatApertisAudio,
)
"""
HELP = """
import os, sys
sys.argv[1:], sys.stdout = ["--help"], open(os.devnull, "w")
from apertis_audio_tools.__main__ import main
main()
"""
LLAMA_INDEX = "import llama_index.core\n"
LLAMA_INDEX_CLASSES = """
from apertis_audio_tools.llama_index import (
    ApertisAudioLLM, ApertisAudioReader, ApertisAudioToolSpec, audio_file_extractor,
)
"""


@dataclass(frozen=True)
class Work:
    """An import that is measured.

    Attributes:
        arguments: Arguments of Python.
        beyond: Name of the work whose time is subtracted.
        aim: Milliseconds that it may take.
    """

    arguments: list[str]
    beyond: str = ""
    aim: int | None = None


WORK = {
    BARE: Work(["-c", "pass"]),
    "import apertis_audio_tools": Work(["-c", "import apertis_audio_tools"], BARE, 4),
    "import and construct ApertisAudio": Work(
        ["-c", "from apertis_audio_tools import ApertisAudio; ApertisAudio('sk-12345678')"], aim=300
    ),
    "apertis-audio --help": Work(["-c", HELP], aim=250),
    OPENAI: Work(["-c", "from openai import OpenAI; OpenAI(api_key='sk-12345678')"]),
}
FRAMEWORKS = {
    "langchain_core": Work(["-c", LANGCHAIN]),
    "classes for LangChain": Work(["-c", LANGCHAIN + LANGCHAIN_CLASSES], "langchain_core", 100),
    "llama_index.core": Work(["-c", LLAMA_INDEX]),
    "classes for LlamaIndex": Work(
        ["-c", LLAMA_INDEX + LLAMA_INDEX_CLASSES], "llama_index.core", 100
    ),
}


def compare(work: dict[str, Work], runs: int) -> None:
    """Print the table."""
    environment = ["env", f"PYTHONPATH={SOURCE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"]
    commands = {
        name: [*environment, sys.executable, *each.arguments] for name, each in work.items()
    }
    medians(commands, 1)  # writes bytecode, and fills the caches of the system
    figures = medians(commands, runs)
    peer = figures[OPENAI].cpu if OPENAI in figures else None
    print("| import | CPU ms | aim | of openai's |\n|---|---|---|---|")
    for name, each in work.items():
        seconds = figures[name].cpu - (figures[each.beyond].cpu if each.beyond else 0)
        share = "-" if peer is None else f"{seconds / peer:.2f}"
        print(f"| {name} | {seconds * MILLISECONDS:.0f} | {each.aim or '-'} | {share} |")


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--short", action="store_true", help="one run, without the frameworks")
    arguments = parser.parse_args()
    work = {**WORK} if arguments.short else {**WORK, **FRAMEWORKS}
    if importlib.util.find_spec("openai") is None:
        del work[OPENAI]
    compare(work, 1 if arguments.short else arguments.runs)


if __name__ == "__main__":
    main()
