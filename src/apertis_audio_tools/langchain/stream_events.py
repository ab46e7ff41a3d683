"""Events of tools at work, for ``stream_mode="custom"`` of LangGraph."""

import sys

from apertis_audio_tools.adapters.tools import ToolProgress


def stream_progress(progress: ToolProgress) -> None:
    """Write the progress of a tool into the stream of the agent that has called it, if any."""
    graphs = sys.modules.get("langgraph.config")  # if it is not loaded, no graph is running
    if graphs is None:
        return
    try:
        write = graphs.get_stream_writer()
    except (RuntimeError, KeyError):  # called outside of a graph
        return
    write({"type": "audio_progress", **progress})
