"""Run an agent that listens to a clip, decides what to do, and answers with a spoken file.

    python examples/langchain_agent.py question.ogg --recordings meetings/ --output spoken/
    python examples/langchain_agent.py examples/data/standup.ogg --sandbox

The model receives the clip itself. It may transcribe or ask about the recordings of the folder, and
speaks its answer into a new file in the output folder; it can access nothing else.

This needs ``apertis-audio-tools[langchain]`` and langchain; ``--sandbox`` needs the extra
``sandbox``, whose chat model follows simple rules: it calls the tool that the request names.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import AnyMessage, HumanMessage, ToolMessage

from apertis_audio_tools import ApertisAudio, ApertisError, FileAccess
from apertis_audio_tools.langchain import ApertisAudioToolkit, ChatApertisAudio

INSTRUCTIONS = """You hear a clip in which somebody asks or reports something. Decide what they
need. Look it up in the recordings if it may be there. Then answer aloud, in one or two sentences,
with speak_text, and end with the name of the file."""
REQUEST = "Listen to this clip, and answer with speak_text."


def run_agent(options: argparse.Namespace, audio: ApertisAudio) -> list[AnyMessage]:
    """Return the conversation in which the agent answers the clip."""
    clip = Path(options.clip)
    recordings = options.recordings or clip.parent
    tools = ApertisAudioToolkit(client=audio, inputs=recordings, output=options.output)
    model = ChatApertisAudio(client=audio, file_access=FileAccess(clip.parent))
    agent = create_agent(model, tools.get_tools(), system_prompt=INSTRUCTIONS)
    request = HumanMessage(
        [{"type": "text", "text": REQUEST}, {"type": "audio", "path": clip.name}]
    )
    messages: list[AnyMessage] = agent.invoke({"messages": [request]})["messages"]
    return messages


def show(messages: Sequence[AnyMessage]) -> None:
    """Print the results of tools, the last reply, and the files that were spoken."""
    for message in messages:
        if isinstance(message, ToolMessage):
            print(f"{message.name}: {message.text}")
    print(messages[-1].text)
    for message in messages:
        if isinstance(message, ToolMessage) and message.name == "speak_text" and message.artifact:
            print(f"Listen to {message.artifact['path']}")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clip", help="recording that the agent listens to")
    parser.add_argument(
        "--recordings", metavar="FOLDER", help="recordings it may use (default: the clip's folder)"
    )
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        default="spoken",
        help="folder for spoken answers (default: spoken)",
    )
    parser.add_argument(
        "--sandbox", action="store_true", help="use a local stand-in, without a key"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one clip."""
    options = parse_arguments(arguments)
    with contextlib.ExitStack() as stack:
        try:
            key, url = None, None
            if options.sandbox:
                from apertis_audio_tools.sandbox import Sandbox

                key, url = "sk-sandbox", stack.enter_context(Sandbox())
            show(run_agent(options, stack.enter_context(ApertisAudio(key, base_url=url))))
        except (ApertisError, ImportError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
