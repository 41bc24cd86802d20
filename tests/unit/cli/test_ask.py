"""`ask` in this process, against a server of scripted replies; tests/faults has it as a program."""

from __future__ import annotations

import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import TOKENS, FakeCompletions
from tests.fakes.http import Request, Responder
from tests.fakes.openai import KEY, REASONING, FakeOpenAI
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call

TEXT = "".join(TOKENS)
CONTRACT = {
    *("text", "backend", "model", "zone", "proof", "route", "ttft_ms", "latency_ms", "prompt_tokens"),
    *("completion_tokens", "tokens_per_s", "cost_usd", "cost_basis", "finish_reason", "conversation_id"),
}


@pytest.fixture
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as fake:
        configure(home, backend(fake.url))
        yield fake


def prompts(server: FakeCompletions) -> list[list[dict[str, str]]]:
    return [request.json()["messages"] for request in server.sent("/v1/chat/completions")]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_json_is_one_object_with_the_contracts_fields(call: Call, server: FakeCompletions) -> None:
    done = await call("ask", "--json", "hi there")
    answer = done.json
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert set(answer) == CONTRACT
    assert (answer["text"], answer["backend"], answer["model"]) == (TEXT, "lab", "fake")
    assert (answer["zone"], answer["proof"], answer["finish_reason"]) == ("device", "assumed", "stop")
    assert (answer["prompt_tokens"], answer["completion_tokens"]) == (2, len(TOKENS))
    assert 0 < answer["ttft_ms"] <= answer["latency_ms"]
    assert (answer["cost_usd"], answer["cost_basis"]) == (None, "unknown")
    assert answer["route"]
    assert isinstance(answer["conversation_id"], int)


async def test_without_usage_the_counts_are_null(call: Call, server: FakeCompletions) -> None:
    server.with_usage = False
    answer = (await call("ask", "--json", "hi")).json
    assert (answer["prompt_tokens"], answer["completion_tokens"], answer["tokens_per_s"]) == (None, None, None)


async def test_a_configured_price_is_in_the_answer(call: Call, home: Path, server: FakeCompletions) -> None:
    configure(home, backend(server.url, more="[backend.price.fake]\ninput = 1000000\noutput = 0"))
    answer = (await call("ask", "--json", "three words here")).json
    assert (answer["cost_usd"], answer["cost_basis"]) == (3.0, "configured")


async def test_continue_takes_the_last_conversation_along(call: Call, server: FakeCompletions) -> None:
    first = (await call("ask", "--json", "--system", "be brief", "one")).json
    second = (await call("ask", "--json", "--continue", "two")).json
    chosen = (await call("ask", "--json", "--conversation", str(first["conversation_id"]), "three")).json
    assert {first["conversation_id"]} == {second["conversation_id"], chosen["conversation_id"]}
    assert [message["role"] for message in prompts(server)[2]] == [
        *("system", "user", "assistant"),
        *("user", "assistant", "user"),
    ]
    assert prompts(server)[2][0]["content"] == "be brief"


async def test_a_timeout_stops_and_says_so(call: Call, server: FakeCompletions) -> None:
    server.tokens, server.tokens_per_s = 100_000, 50.0
    done = await call("ask", "--timeout", "0.5", "go")
    assert done.code == 1
    assert done.out.startswith("# A heading\n")
    assert done.err == "hybridchat: stopped after 0.5 s; what came is kept — give a longer --timeout\n"


async def test_local_only_needs_to_know_that_it_is_local(call: Call, home: Path, server: FakeCompletions) -> None:
    done = await call("ask", "--local-only", "secret")
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "vouched = true" in done.err
    assert prompts(server) == []
    configure(home, backend(server.url, more="vouched = true"))
    answer = (await call("ask", "--local-only", "--json", "secret")).json
    assert (answer["zone"], answer["proof"]) == ("device", "vouched")


async def test_local_only_stays_with_the_conversation(call: Call, home: Path, server: FakeCompletions) -> None:
    configure(home, backend(server.url, more="vouched = true"))
    assert (await call("ask", "--local-only", "secret")).code == 0
    configure(home, backend(server.url, more='zone = "managed"'))
    done = await call("ask", "--continue", "and now?")
    assert (done.code, len(prompts(server))) == (3, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "nope", "hi"], "unknown backend 'nope' — give one of: lab; or auto, local, managed"),
        ([], "no question was given"),
        (["--conversation", "99", "hi"], "no conversation 99"),
        (["--continue", "hi"], "there is no conversation to go on with"),
        (["--continue", "--conversation", "1", "hi"], "exclude each other"),
        (["--continue", "--system", "be brief", "hi"], "--system belongs to a new conversation"),
        (["--timeout", "0", "hi"], "Invalid value for '--timeout'"),
        (["--file", "/nowhere", "hi"], "cannot read /nowhere"),
    ],
)
async def test_wrong_usage_sends_nothing(arguments: list[str], said: str, call: Call, server: FakeCompletions) -> None:
    done = await call("ask", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert prompts(server) == []


async def test_without_a_backend_it_says_what_to_do(call: Call) -> None:
    done = await call("ask", "hi")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "no backend is configured" in done.err


async def test_without_a_usable_home_it_answers_and_says_that_nothing_is_saved(
    call: Call, home: Path, server: FakeCompletions
) -> None:
    (home / "run").touch()  # where a folder must be
    done = await call("ask", "hi")
    assert (done.code, done.out) == (0, TEXT)
    assert "nothing of this session is saved" in done.err


async def test_debug_writes_events_without_content(call: Call, home: Path, server: FakeCompletions) -> None:
    done = await call("--debug", "ask", "canary-4711")
    assert (done.code, done.err) == (0, "")
    written = (home / "logs" / "debug.log").read_text()
    assert "TurnEnded message=2 state=complete outcome=ok" in written
    assert "canary-4711" not in written
    assert "heading" not in written
    assert server.url not in written


async def test_a_server_that_breaks_off_leaves_text_and_a_reason(call: Call, home: Path) -> None:
    class Breaking(FakeCompletions):
        async def _stream(self, request: Request, respond: Responder) -> None:
            await respond.begin("text/event-stream")
            await respond.chunk(self._event({"content": "Hel"}))
            await respond.finish()

    async with Breaking() as fake:
        configure(home, backend(fake.url))
        done = await call("ask", "hi")
        assert (done.code, done.out) == (1, "Hel\n")
        assert done.err.count("\n") == 1
        answer = (await call("ask", "--json", "hi")).json
    assert (answer["text"], answer["finish_reason"]) == ("Hel", None)


async def test_a_key_is_nowhere_even_when_the_server_repeats_it(
    call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Repeating(FakeCompletions):
        async def _handle(self, request: Request, respond: Responder) -> None:
            if request.path.endswith("/v1/models"):
                await super()._handle(request, respond)
            else:
                await respond.whole({"error": {"message": f"bad: {request.headers['authorization']}"}}, status=401)

    monkeypatch.setenv("MY_KEY", "sk-canary-4711")
    async with Repeating() as fake:
        configure(home, backend(fake.url, more='key = "env:MY_KEY"'))
        done = await call("--debug", "ask", "hi")
        assert "sk-canary-4711" in fake.requests[-1].headers["authorization"]
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    shown = [await call(*arguments) for arguments in (["show", "1"], ["export"], ["keys", "list"], ["stats"])]
    files = contents(home)
    assert {"config.toml", "debug.log", "hybridchat.db"} <= files.keys()
    assert "canary" not in f"{done}{shown}{files}"


async def test_piped_text_alone_is_a_question(
    call: Call, server: FakeCompletions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"what is two and two?\n")))
    assert (await call("ask")).code == 0
    assert prompts(server)[0][0]["content"] == "what is two and two?"


async def test_a_dead_server_is_one_line(call: Call, home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        configure(home, backend(f"http://127.0.0.1:{free.getsockname()[1]}"))
    for arguments in (["ask", "hi"], ["ask", "--backend", "lab", "hi"]):
        done = await call(*arguments)
        assert (done.code, done.out) == (1, "")
        assert done.err.count("\n") == 1
        assert "lab" in done.err
        assert "--backend" in done.err or "127.0.0.1" in done.err


async def test_hostile_text_reaches_a_pipe_raw(call: Call, home: Path) -> None:
    hostile = "\x1b]52;c;aGk=\x07 and \x9b31m"

    class Hostile(FakeCompletions):
        async def _stream(self, request: Request, respond: Responder) -> None:
            await respond.begin("text/event-stream")
            await respond.chunk(self._event({"content": hostile}, "stop"))
            await respond.chunk(b"data: [DONE]\n\n")
            await respond.finish()

    async with Hostile() as fake:
        configure(home, backend(fake.url))
        assert (await call("ask", "hi")).out == hostile + "\n"


@pytest.mark.parametrize("command", ["ask", "models", "list", "stats"])
async def test_a_broken_config_says_file_line_key_and_what_is_allowed(command: str, call: Call, home: Path) -> None:
    text = '# mine\n[[backend]]\nid = "lab"\nkind = "vlm"\nbase_url = "http://127.0.0.1:1"\n'
    configure(home, text)
    done = await call(command, *(["hi"] if command == "ask" else []))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    for part in (f"{home / 'config.toml'}:4", "kind", '"vlm" is not allowed', "allowed: anthropic, embedded, gemini"):
        assert part in done.err
    assert (home / "config.toml").read_text() == text


async def test_what_the_model_is_told_goes_with_the_question(call: Call, server: FakeCompletions) -> None:
    flags = ("--temperature", "0.2", "--top-p", "0.9", "--max-tokens", "9", "--seed", "4", "--stop", "a", "--stop", "b")
    assert (await call("ask", "hi", *flags)).code == 0
    sent = server.sent("/v1/chat/completions")[-1].json()
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["seed"]) == (0.2, 0.9, 9, 4)
    assert sent["stop"] == ["a", "b"]


@pytest.mark.parametrize(
    "flags",
    [
        ("--temperature", "nan"),
        ("--temperature", "2.5"),
        ("--top-p", "0"),
        ("--max-tokens", "0"),
        ("--effort", "utmost"),
    ],
)
async def test_what_no_model_takes_is_not_sent(call: Call, server: FakeCompletions, flags: tuple[str, str]) -> None:
    assert (await call("ask", "hi", *flags)).code == 2
    assert server.sent("/v1/chat/completions") == []


async def test_the_effort_goes_as_the_protocol_says_it(call: Call, home: Path) -> None:
    async with FakeOpenAI() as fake:
        rented = f'base_url = "{fake.url}"\nmodel = "{REASONING}"\nzone = "managed"\nkey = "command:echo {KEY}"'
        configure(home, f'[[backend]]\nid = "rented"\nkind = "openai-responses"\n{rented}\n')
        done = await call("ask", "hi", "--backend", "rented", "--effort", "low")
        assert done.code == 0, done.err
        assert fake.requests[-1].json()["reasoning"]["effort"] == "low"
