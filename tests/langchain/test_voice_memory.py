"""Conversations with audio: what they weigh, what is stored of them, and what is sent of it."""

import base64
import copy
import json
import logging
import pickle
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, trim_messages
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from apertis_audio_tools import APIConnectionError, FileAccess, RecordingError
from apertis_audio_tools.langchain import ChatApertisAudio, DropAudio
from support.doc_pages import ROOT, code_blocks, run_code
from support.encoded_recordings import encode_silence
from support.langchain_chat import Ask
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond_json
from support.wav_files import silent_wav

Make = Callable[..., ChatApertisAudio]
NOTE = "[audio no longer available: {}]"


def clip(seconds: float = 1.0, **fields: Any) -> dict[str, Any]:
    """Return a block with silence, at 16,000 samples a second."""
    data = base64.b64encode(silent_wav(int(32_000 * seconds))).decode()
    return {"type": "audio", "base64": data, "mime_type": "audio/wav", **fields}


def spoken(words: str = "Good morning.", **audio: Any) -> AIMessage:
    """Return a spoken reply as the model writes it."""
    facts = {"id": "audio-1", "expires_at": None, "transcript": words, **audio}
    block = {**clip(2.0), "id": facts["id"]}
    text = [{"type": "text", "text": words}] if words else []
    return AIMessage([*text, block], additional_kwargs={"audio": facts})


class TestTokens:
    """Audio weighs by its seconds."""

    model = ChatApertisAudio(api_key="sk-example")

    def count(self, *messages: BaseMessage) -> int:
        """Return the tokens of messages."""
        return self.model.get_num_tokens_from_messages(list(messages))

    def test_seconds(self) -> None:
        """A second of the user's audio is 10 tokens, and one of a reply 20, besides its words."""
        silence = self.count(HumanMessage([clip(0.0001)]))
        assert self.count(HumanMessage([clip(60.0)])) - silence == pytest.approx(600, abs=2)
        with_words = self.count(AIMessage("Good morning."))
        assert self.count(spoken()) - with_words == pytest.approx(40, abs=2)

    def test_pcm(self) -> None:
        """A reply in pcm, which has no header, weighs by the service's sample rate."""
        reply = spoken()
        data = base64.b64encode(bytes(2 * 48_000)).decode()
        reply.content = [{"type": "audio", "base64": data, "mime_type": "audio/pcm", "id": "a"}]
        assert self.count(reply) - self.count(AIMessage("Good morning.")) == pytest.approx(
            40, abs=2
        )

    @pytest.mark.parametrize(
        "block",
        [
            {"type": "audio", "url": f"data:audio/wav;base64,{clip(6.0)['base64']}"},
            {"type": "input_audio", "input_audio": {"data": clip(6.0)["base64"], "format": "wav"}},
            {"type": "media", "data": clip(6.0)["base64"], "mime_type": "audio/wav"},
            {"type": "file", "base64": clip(6.0)["base64"], "mime_type": "audio/wav"},
        ],
    )
    def test_shapes(self, block: dict[str, Any]) -> None:
        """Audio weighs the same in every shape of block."""
        assert self.count(HumanMessage([block])) == self.count(HumanMessage([clip(6.0)]))

    def test_files(self, tmp_path: Path) -> None:
        """A clip in a file weighs the same; one that is gone weighs as its note."""
        (tmp_path / "a.wav").write_bytes(silent_wav(192_000))
        model = ChatApertisAudio(api_key="sk-example", file_access=FileAccess(tmp_path))
        message = HumanMessage([{"type": "audio", "path": "a.wav"}])
        whole = model.get_num_tokens_from_messages([message])
        assert whole == self.count(HumanMessage([clip(6.0)]))
        (tmp_path / "a.wav").unlink()
        gone = HumanMessage(NOTE.format("a.wav"))
        assert model.get_num_tokens_from_messages([message]) == self.count(gone)

    def test_expired_reply(self) -> None:
        """A reply whose id has expired weighs as its words, which are sent."""
        expired = spoken(expires_at=1)
        assert self.count(expired) == self.count(AIMessage("Good morning."))

    def test_reply_without_its_audio(self) -> None:
        """A reply whose audio was dropped is estimated by its words."""
        words = "one two three four five " * 10
        slim = AIMessage(words, additional_kwargs={"audio": {"id": "a", "transcript": words}})
        assert self.count(slim) - self.count(AIMessage(words)) == pytest.approx(16 * 20, rel=0.1)

    @pytest.mark.parametrize(
        "message",
        [
            HumanMessage("Good morning, everyone."),
            HumanMessage(["Good", {"type": "text", "text": "morning"}]),
            HumanMessage([{"type": "image", "base64": "QUJD" * 100_000, "mime_type": "image/png"}]),
            HumanMessage([clip() | {"base64": "no base64"}]),
            AIMessage("", tool_calls=[{"name": "f", "args": {"a": "b"}, "id": "1"}]),
            ToolMessage("Done.", tool_call_id="1"),
        ],
    )
    def test_other_messages(self, message: BaseMessage) -> None:
        """Other messages weigh a few tokens."""
        assert 4 < self.count(message) <= 1_004

    def test_tools(self) -> None:
        """Tools weigh as their declarations."""

        def look_up(name: str) -> str:
            """Look up a name."""
            return name

        messages: list[BaseMessage] = [HumanMessage("Hello?")]
        with_tools = self.model.get_num_tokens_from_messages(messages, tools=[look_up])
        assert 10 < with_tools - self.count(*messages) < 100

    def test_languages(self) -> None:
        """Text without Latin letters has more tokens for each sign."""
        assert self.model.get_num_tokens("Guten Morgen!") == 4
        assert self.model.get_num_tokens("おはようございます") == 7

    def test_trimming(self) -> None:
        """Trimming keeps a conversation whose audio is short, and the end of a long one."""
        history = [
            HumanMessage("I am Ann."),
            HumanMessage([clip()]),
            spoken(),
            HumanMessage("Who?"),
        ]
        trim: Any = {"max_tokens": 8_000, "token_counter": self.model}
        assert trim_messages(history, **trim) == history
        turns = [HumanMessage([clip(120.0)]), AIMessage("Yes.")] * 30
        kept = trim_messages(turns, strategy="last", **trim)
        assert 10 <= len(kept) <= 14

    def test_profile(self) -> None:
        """The profile tells how much the model reads and writes."""
        profile = self.model.profile or {}
        assert profile["max_input_tokens"] == 128_000
        assert profile["max_output_tokens"] == 16_384


@pytest.fixture
def replying() -> Iterator[LoopbackServer]:
    """Yield a server that replies in writing."""
    message = {"role": "assistant", "content": "Hi."}
    respond = respond_json({"choices": [{"message": message}]})

    def read_and_respond(exchange: Exchange) -> None:
        exchange.read_body()
        respond(exchange)

    with LoopbackServer([read_and_respond]) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Yield a checkpointer in memory and one in a file."""
    if request.param == "memory":
        yield InMemorySaver()
        return
    database = sqlite3.connect(tmp_path / "threads.db", check_same_thread=False)
    sqlite_saver = SqliteSaver(database)
    sqlite_saver.setup()
    yield sqlite_saver
    database.close()


def stored_bytes(saver: Any) -> int:
    """Return the number of bytes that a checkpointer keeps of all threads."""
    if isinstance(saver, SqliteSaver):
        rows = (
            "SELECT length(checkpoint) FROM checkpoints UNION ALL SELECT length(value) FROM writes"
        )
        return sum(size for (size,) in saver.conn.execute(rows))
    return len(pickle.dumps((dict(saver.blobs), dict(saver.writes), _plain(saver.storage))))


def _plain(storage: Any) -> Any:
    return {
        key: {name: dict(each) for name, each in value.items()} for key, value in storage.items()
    }


def talk(
    agent: Any, turns: int, message: Callable[[int], Any], thread: str = "1", **options: Any
) -> list[Any]:
    """Return the results of turns of a conversation."""
    config = {"configurable": {"thread_id": thread}}
    return [agent.invoke({"messages": [message(turn)]}, config, **options) for turn in range(turns)]


def ask_in_writing(turn: int) -> HumanMessage:
    return HumanMessage(f"Please tell me the number {turn} once more.")


class TestDropAudio:
    """The middleware keeps the audio of the last messages."""

    def test_size(self, make: Make, saver: Any) -> None:
        """Twenty spoken turns take at most twice the room of the same turns in writing."""
        written = create_agent(make(), checkpointer=saver)
        talk(written, 20, ask_in_writing)
        written_bytes = stored_bytes(saver)
        speaking = create_agent(make(voice="nova"), middleware=[DropAudio()], checkpointer=saver)
        results = talk(speaking, 20, ask_in_writing, thread="2")
        assert stored_bytes(saver) - written_bytes <= 2 * written_bytes
        for result in results:
            assert [block["type"] for block in result["messages"][-1].content_blocks] == [
                "text",
                "audio",
            ]

    def test_size_with_questions(self, make: Make, saver: Any) -> None:
        """So do spoken questions and replies, if only the end of each turn is stored."""
        sizes = []
        for spoken_too in (False, True):
            before = stored_bytes(saver)
            model = make(voice="nova") if spoken_too else make()
            agent = create_agent(model, middleware=[DropAudio()], checkpointer=saver)
            ask = (lambda _: HumanMessage([clip()])) if spoken_too else ask_in_writing
            talk(agent, 20, ask, thread=str(spoken_too), durability="exit")
            sizes.append(stored_bytes(saver) - before)
        assert sizes[1] <= 2 * sizes[0]

    def test_last_state_only(self, make: Make, saver: Any) -> None:
        """The page's recipe deletes all checkpoints of a thread but the last, which goes on."""
        blocks = code_blocks(ROOT / "docs" / "langchain.md", "python")
        (recipe,) = [each for each in blocks if "def keep_last_state" in each]
        space: dict[str, Any] = {}
        run_code(recipe, "pasted.py", space=space)
        agent = create_agent(make(voice="nova"), middleware=[DropAudio()], checkpointer=saver)
        for _ in range(3):
            (result,) = talk(agent, 1, lambda _: HumanMessage([clip()]))
            space["keep_last_state"](saver, {"thread_id": "1"})
        assert len(result["messages"]) == 6
        assert len([*saver.list({"configurable": {"thread_id": "1"}})]) == 1
        assert stored_bytes(saver) < len(clip()["base64"])

    def test_continues_by_id(self, make: Make, saver: Any) -> None:
        """The model still hears its earlier replies, by their ids; their words are kept."""
        model = make(voice="nova")
        agent = create_agent(model, middleware=[DropAudio()], checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "1"}}
        for turn in range(3):
            result = agent.invoke({"messages": [ask_in_writing(turn)]}, config)
        *earlier, last = [each for each in result["messages"] if isinstance(each, AIMessage)]
        assert any(block["type"] == "audio" for block in last.content_blocks)
        for reply in earlier:
            assert isinstance(reply.content, str)
            assert reply.content == reply.additional_kwargs["audio"]["transcript"]
            assert reply.additional_kwargs["audio"]["id"].startswith("audio")
            assert reply.additional_kwargs["audio"]["expires_at"] > 0

    def test_messages_of_the_user(self, make: Make, saver: Any) -> None:
        """An answered clip becomes its words if the block has them, else a note with its name."""
        agent = create_agent(make(voice="nova"), middleware=[DropAudio()], checkpointer=saver)
        blocks = [clip(name="hello.wav"), clip(transcript="I am Ann."), clip()]
        text = {"type": "text", "text": "Hear this."}
        (result,) = talk(agent, 1, lambda _: HumanMessage([text, *blocks]))
        texts = [block["text"] for block in result["messages"][0].content]
        assert texts == ["Hear this.", NOTE.format("hello.wav"), "I am Ann.", NOTE.format("clip")]

    def test_messages_of_other_middleware(self, make: Make, invoke: Ask) -> None:
        """Messages that are only in the request do not get into the state."""

        class Greeting(AgentMiddleware):
            def wrap_model_call(self, request: Any, handler: Any) -> Any:
                return handler(request.override(messages=[*jingle, *request.messages]))

            async def awrap_model_call(self, request: Any, handler: Any) -> Any:
                return await handler(request.override(messages=[*jingle, *request.messages]))

        jingle = [HumanMessage([clip()], id="jingle"), AIMessage("Hello."), HumanMessage([clip()])]
        agent = create_agent(make(), middleware=[Greeting(), DropAudio(0)])
        result = invoke(agent, {"messages": [("user", "Hello?")]})
        assert [each.type for each in result["messages"]] == ["human", "ai"]

    @pytest.mark.parametrize("kind", ["function", "failing", "broken"])
    def test_transcribing(
        self, make: Make, invoke: Ask, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Clips become their words by a function; if it fails, they are kept."""

        def transcribe(block: dict[str, Any]) -> str:
            if kind == "failing":
                raise APIConnectionError("No connection.")
            if kind == "broken":
                raise ZeroDivisionError
            return f"Heard {len(block['base64'])}."

        middleware = DropAudio(transcribe=transcribe)
        agent = create_agent(make(voice="nova"), middleware=[middleware])
        block = clip()
        result = invoke(agent, {"messages": [HumanMessage([block])]})
        content = result["messages"][0].content
        if kind != "function":
            assert content == [block]
            assert "could not be transcribed" in caplog.text
        else:
            assert content == [{"type": "text", "text": f"Heard {len(block['base64'])}."}]

    @pytest.mark.parametrize("keep_last", [0, 1, 2, 5])
    def test_keep_last(self, make: Make, invoke: Ask, keep_last: int) -> None:
        """The last messages with audio keep it, and a clip is heard before it is dropped."""
        agent = create_agent(make(), middleware=[DropAudio(keep_last)])
        history: list[BaseMessage] = []
        for _ in range(4):
            history.append(HumanMessage([clip()]))
            result = invoke(agent, {"messages": history})
            history = result["messages"]
            assert history[-1].text
        kept = [
            isinstance(each.content, list) and each.content_blocks[0]["type"] == "audio"
            for each in history
            if isinstance(each, HumanMessage)
        ]
        assert kept == [index >= 4 - keep_last for index in range(4)]

    def test_other_providers(self, make: Make, invoke: Ask) -> None:
        """Audio that ChatOpenAI keeps beside the content is dropped as well."""
        audio = {"id": "a", "data": clip()["base64"], "expires_at": 9, "transcript": "Hi."}
        reply = AIMessage("", additional_kwargs={"audio": audio})
        agent = create_agent(make(), middleware=[DropAudio(0)])
        result = invoke(agent, {"messages": [HumanMessage("Hi?"), reply, HumanMessage("And?")]})
        kept = result["messages"][1].additional_kwargs["audio"]
        assert kept == {"id": "a", "expires_at": 9, "transcript": "Hi."}

    def test_saved_replies(self, make: Make, saver: Any) -> None:
        """With ``save_replies`` the audio of the last reply is in the checkpoint."""
        for save, types in ((False, ["text"]), (True, ["text", "audio"])):
            agent = create_agent(
                make(voice="nova"), middleware=[DropAudio(save_replies=save)], checkpointer=saver
            )
            talk(agent, 2, ask_in_writing, thread=str(save))
            state: Any = agent.get_state({"configurable": {"thread_id": str(save)}})
            assert [b["type"] for b in state.values["messages"][-1].content_blocks] == types

    def test_copies_of_a_reply(self, make: Make, invoke: Ask) -> None:
        """A copy of a reply has its audio; what is written of it is a plain message without."""
        agent = create_agent(make(voice="nova"), middleware=[DropAudio()])
        reply = invoke(agent, {"messages": [("user", "Hello?")]})["messages"][-1]
        for copied in (copy.deepcopy(reply), copy.copy(reply), reply.model_copy()):
            assert copied.content == reply.content
        loaded = pickle.loads(pickle.dumps(reply))
        assert type(loaded) is AIMessage
        assert loaded.content == reply.text
        assert "base64" not in reply.model_dump_json()

    def test_negative(self) -> None:
        """A negative number is refused."""
        with pytest.raises(ValueError, match="keep_last is -1"):
            DropAudio(-1)


def test_summarising_thirty_clips(replying: LoopbackServer, saver: Any) -> None:
    """Thirty clips of two minutes are summarised now and then, not at every turn."""
    model = ChatApertisAudio(api_key="sk-example", base_url=replying.url)
    summaries = SummarizationMiddleware(
        model,
        trigger=("tokens", 8_000),
        keep=("messages", 2),
        token_counter=model.get_num_tokens_from_messages,
    )
    agent = create_agent(model, middleware=[summaries], checkpointer=saver)
    data = base64.b64encode(encode_silence("mp3", 120.0, rate=8_000)).decode()
    block = {"type": "audio", "base64": data, "mime_type": "audio/mpeg"}
    lengths = [len(each["messages"]) for each in talk(agent, 30, lambda _: HumanMessage([block]))]
    shrunk = [number for number in range(1, 30) if lengths[number] < lengths[number - 1]]
    assert 1 <= len(shrunk) <= 6


class TestLostClips:
    """A thread stays usable when its clips are gone or too many."""

    def sent(self, replying: LoopbackServer) -> list[Any]:
        """Return the turns of the last request."""
        return list(json.loads(replying.requests[-1].body)["messages"])

    @pytest.mark.parametrize(
        "block",
        [
            {"type": "audio", "path": "gone.wav"},
            {"type": "audio", "path": "/etc/passwd", "name": "gone.wav"},
            {"type": "audio", "url": "https://example.com/a.wav", "name": "gone.wav"},
            {"type": "audio", "base64": "bm8gYXVkaW8=", "name": "gone.wav"},
            {"type": "audio", "base64": "???", "extras": {"filename": "gone.wav"}},
        ],
    )
    def test_gone(
        self,
        replying: LoopbackServer,
        tmp_path: Path,
        ask: Ask,
        block: dict[str, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """An earlier clip that cannot be read becomes a note, with one warning; a new one fails."""
        with replying.client() as client:
            access = FileAccess(tmp_path)
            model = ChatApertisAudio(client=client, file_access=access, disable_streaming=True)
            history = [HumanMessage([block]), AIMessage("Yes."), HumanMessage([clip()])]
            with caplog.at_level(logging.WARNING, "apertis_audio_tools"):
                ask(model, history)
            assert self.sent(replying)[0]["content"] == [
                {"type": "text", "text": NOTE.format("gone.wav")}
            ]
            assert len(caplog.records) == 1
            with pytest.raises(Exception, match=r".") as raised:
                ask(model, [*history, HumanMessage([block])])
            assert "apertis" in type(raised.value).__module__

    def test_thread_with_a_broken_clip(self, replying: LoopbackServer, saver: Any) -> None:
        """A thread that has failed because of a clip is continued without the clip."""
        with replying.client() as client:
            agent = create_agent(ChatApertisAudio(client=client), checkpointer=saver)
            broken = HumanMessage([clip() | {"base64": "bm8gYXVkaW8="}])
            with pytest.raises(RecordingError):
                talk(agent, 1, lambda _: broken)
            talk(agent, 1, lambda _: HumanMessage("Hello?"))
            assert self.sent(replying)[0]["content"][0]["text"] == NOTE.format("clip")

    def test_too_large(
        self, replying: LoopbackServer, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The oldest clips of a request that would be too large become notes."""
        turns = [
            [HumanMessage([clip(120.0, name=f"{number}.wav")]), AIMessage("Yes.")]
            for number in range(8)
        ]
        history = [message for turn in turns for message in turn][:-1]
        with replying.client() as client:
            ask(ChatApertisAudio(client=client, disable_streaming=True), history)
        received = replying.requests[-1]
        assert 4 * 120 * 32_000 * 4 / 3 < received.size <= 25 * 1024 * 1024
        assert received.body.count(b"[audio no longer available: ") == 4
        assert "0.wav, 1.wav, 2.wav, 3.wav" in caplog.text
        assert len(caplog.records) == 1

    def test_reply_without_words(self, replying: LoopbackServer, ask: Ask) -> None:
        """A spoken reply without a valid id and without words becomes a note."""
        reply = spoken("", id=None, transcript=None)
        with replying.client() as client:
            model = ChatApertisAudio(client=client, disable_streaming=True)
            ask(model, [HumanMessage("Hi?"), reply, HumanMessage("And?")])
        assert self.sent(replying)[1]["content"] == NOTE.format("reply")
