"""Answer a spoken question with a spoken file: transcribe, ask an agent, speak what it writes.

    python examples/langchain_voice_agent.py examples/data/standup.ogg --sandbox
    python examples/langchain_voice_agent.py question.m4a --recordings meetings/ --output reply.mp3
    python examples/langchain_voice_agent.py question.m4a --model openai:gpt-5-mini

The agent may read the recordings in the folder of ``--recordings``. The reply is spoken sentence by
sentence, while the model writes the next one. This needs ``apertis-audio-tools[agents]``, and
``--sandbox`` needs the extra ``sandbox``.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import Runnable, RunnableGenerator

from apertis_audio_tools import ApertisAudio, ApertisError
from apertis_audio_tools.langchain import (
    ApertisAudioToolkit,
    ChatApertisAudio,
    SpeakRunnable,
    TranscribeRunnable,
)

PROMPT = "You are heard, not read: answer in a few short sentences, without lists or markup."


def make_chain(options: argparse.Namespace, audio: ApertisAudio) -> Runnable[Any, bytes]:
    """Return a chain from a recording to the bytes of the reply."""
    model = init_chat_model(options.model) if options.model else ChatApertisAudio(client=audio)
    tools = ApertisAudioToolkit(inputs=options.recordings, client=audio).get_tools()
    agent = create_agent(model, tools, system_prompt=PROMPT)

    def reply(questions: Iterator[str]) -> Iterator[str]:
        for question in questions:
            print(f"You: {question}")
            messages: Any = {"messages": [("user", question)]}
            for chunk, _ in agent.stream(messages, stream_mode="messages"):
                if isinstance(chunk, AIMessageChunk) and chunk.text:
                    yield chunk.text

    speak = SpeakRunnable(client=audio, audio_format=options.output.suffix[1:])
    return TranscribeRunnable(client=audio) | RunnableGenerator(reply) | speak


def converse(options: argparse.Namespace, audio: ApertisAudio) -> None:
    """Write the reply to a question into a file, while it is being spoken."""
    chain, size = make_chain(options, audio), 0
    with options.output.open("wb") as file:
        for sound in chain.stream(options.question):
            size += file.write(sound)
    print(f"Listen to {options.output} ({size} bytes).")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("question", type=Path, help="a recording")
    parser.add_argument("--recordings", default=".", help="folder that the agent may read")
    parser.add_argument("--output", type=Path, default=Path("reply.mp3"), help="new file")
    parser.add_argument("--model", help="provider:name of a chat model (default: one of Apertis)")
    parser.add_argument(
        "--sandbox", action="store_true", help="use a local stand-in, without a key"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one question."""
    options = parse_arguments(arguments)
    with contextlib.ExitStack() as stack:
        try:
            key, url = None, None
            if options.sandbox:
                from apertis_audio_tools.sandbox import Sandbox

                key, url = "sk-sandbox", stack.enter_context(Sandbox())
            converse(options, stack.enter_context(ApertisAudio(key, base_url=url)))
        except (ApertisError, ImportError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
