"""Run a function agent that listens to a clip and answers with a spoken file.

    python examples/llama_index_agent.py question.ogg --recordings meetings/ --output spoken/
    python examples/llama_index_agent.py examples/data/standup.ogg --sandbox

The model receives the clip itself. It may transcribe, translate or ask about the recordings of the
folder, and speaks its answer into a new file in the output folder, which it then receives; it can
access nothing else.

This needs ``apertis-audio-tools[llama-index]``; ``--sandbox`` needs the extra ``sandbox``, whose
chat model follows simple rules: it calls the tool that the request names.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from llama_index.core.agent.workflow import AgentOutput, FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, TextBlock

from apertis_audio_tools import ApertisAudio, ApertisError, RecordingError
from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioToolSpec

INSTRUCTIONS = """You hear a clip in which somebody asks or reports something. Decide what they
need. Look it up in the recordings if it may be there. Then answer aloud, in one or two sentences,
with speak_text, and end with the name of the file."""
REQUEST = "Listen to this clip, and answer with speak_text."


async def answer(options: argparse.Namespace, audio: ApertisAudio) -> None:
    """Run the agent on the clip, and print the results of tools as they arrive."""
    recordings = options.recordings or Path(options.clip).parent
    spec = ApertisAudioToolSpec(recordings, output=options.output, client=audio)
    agent = FunctionAgent(
        llm=ApertisAudioLLM(client=audio), tools=[*spec.to_tool_list()], system_prompt=INSTRUCTIONS
    )
    request = [TextBlock(text=REQUEST), AudioBlock(path=options.clip)]
    handler = agent.run(ChatMessage(role="user", blocks=request))
    async for event in handler.stream_events():
        if isinstance(event, ToolCallResult):
            show(event)
    reply: AgentOutput = await handler
    print(reply.response.content)


def show(result: ToolCallResult) -> None:
    """Print the result of a tool, and the file that was spoken."""
    print(f"{result.tool_name}: {result.tool_output.content}")
    if result.tool_name == "speak_text" and not result.tool_output.is_error:
        print(f"Listen to {result.tool_output.raw_output['path']}")


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
            if not Path(options.clip).is_file():
                raise RecordingError(f"There is no file {options.clip}.")
            key, url = None, None
            if options.sandbox:
                from apertis_audio_tools.sandbox import Sandbox

                key, url = "sk-sandbox", stack.enter_context(Sandbox())
            audio = stack.enter_context(ApertisAudio(key, base_url=url))
            asyncio.run(answer(options, audio))
        except (ApertisError, ImportError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
