"""`backends add`: a provider in one step, its key tried before anything is written and shown nowhere."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from hybridchat.cli import adding
from hybridchat.config import load_config, providers
from hybridchat.session import drafting
from tests.fakes.http import FakeServer
from tests.fakes.keyrings import InstallKeyring, MemoryKeyring
from tests.fakes.provider import KEY, FakeProvider, at_server
from tests.faults.test_connections import CERTIFICATES
from tests.unit.cli.conftest import Call, Cli

Move = Callable[[str, FakeServer], None]
Pipe = Callable[[str], None]

COMMENTED = '# mine\n[ui]\npanel = "off"  # less to see\n'


@pytest.fixture(autouse=True)
def ring(install_keyring: InstallKeyring) -> MemoryKeyring:
    ring = MemoryKeyring()
    install_keyring(ring)
    return ring


@pytest.fixture
def move(monkeypatch: pytest.MonkeyPatch) -> Move:
    """`move("openai", server)`: that provider's host is the server."""

    def to(provider: str, server: FakeServer) -> None:
        moved = at_server(provider, server)
        monkeypatch.setattr(providers, "providers", lambda: moved)
        monkeypatch.setattr(drafting, "providers", lambda: moved)

    return to


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    return lambda text: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.fixture
def file(home: Path) -> Path:
    home.mkdir()
    file = home / "config.toml"
    file.write_text(COMMENTED)
    return file


def written(file: Path) -> str:
    return file.read_text()


async def test_a_key_from_a_pipe_is_tried_kept_and_named(
    call: Call, file: Path, move: Move, pipe: Pipe, ring: MemoryKeyring
) -> None:
    async with FakeProvider("mistral-small-latest", "mistral-embed") as server:
        move("mistral", server)
        pipe(f"{KEY}\n")
        said = await call("backends", "add", "mistral", "--model", "mistral-small-latest", "--json")
        assert {(request.method, request.path) for request in server.requests} == {("GET", "/v1/models")}
    assert said.code == 0, said.err
    added = said.json
    assert (added["id"], added["kind"], added["model"], added["key"]) == (
        "mistral",
        "openai-compatible",
        "mistral-small-latest",
        "keyring",
    )
    assert (added["key_state"], added["zone"], added["proof"], added["notice"]) == ("works", "managed", None, "")
    assert [model["name"] for model in added["models"]] == ["mistral-small-latest"], "what is not for chat is left out"
    assert ring.kept == {("hybridchat", server.url): KEY}
    assert written(file).startswith(COMMENTED)
    assert KEY not in said.out + said.err + written(file)
    (entry,) = load_config(file)[0].backend
    assert (entry.id, entry.model, entry.key, entry.base_url) == (
        "mistral",
        "mistral-small-latest",
        "keyring",
        f"{server.url}/v1",
    )


async def test_a_wrong_key_leaves_nothing(call: Call, file: Path, move: Move, pipe: Pipe, ring: MemoryKeyring) -> None:
    async with FakeProvider("m") as server:
        move("mistral", server)
        pipe("sk-wrong-0815")
        said = await call("backends", "add", "mistral")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "the key was refused, and nothing was written" in said.err
    assert "console.mistral.ai" in said.err
    assert "sk-wrong" not in said.err
    assert (written(file), ring.kept) == (COMMENTED, {})


async def test_gemini_says_400_to_a_wrong_key(call: Call, file: Path, move: Move, pipe: Pipe) -> None:
    async with FakeProvider(header="x-goog-api-key", refusal=400) as server:
        move("gemini", server)
        pipe("sk-wrong-0815")
        said = await call("backends", "add", "gemini")
    assert (said.code, "the key was refused" in said.err, written(file)) == (1, True, COMMENTED)


async def test_a_key_in_the_environment_is_named_and_not_copied(
    call: Call, file: Path, move: Move, monkeypatch: pytest.MonkeyPatch, ring: MemoryKeyring
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    async with FakeProvider("llama-3.3-70b-versatile") as server:
        move("groq", server)
        said = await call("backends", "add", "groq")
        assert server.requests[0].path == "/openai/v1/models"
    assert (said.code, ring.kept) == (0, {})
    assert "the environment's GROQ_API_KEY" in said.err
    (entry,) = load_config(file)[0].backend
    assert entry.model == "llama-3.3-70b-versatile", "the only model is chosen"
    assert entry.key is None, "it is looked for at the provider's host alone, also when the address is changed"
    assert "llama-3.3-70b-versatile" in said.out
    assert KEY not in said.out + said.err + written(file)


async def test_a_providers_key_goes_to_no_other_host_unless_it_is_named(
    call: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with FakeProvider("m") as server:
        elsewhere = ("backends", "add", "openai", "--url", server.url, "--managed")
        said = await call(*elsewhere)
        assert (said.code, "needs a key" in said.err, server.requests) == (2, True, [])
        assert written(file) == COMMENTED
        assert (await call(*elsewhere, "--key-from", "env:OPENAI_API_KEY")).code == 0
    assert load_config(file)[0].backend[0].key == "env:OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("provider", "header"), [("openai", "authorization"), ("anthropic", "x-api-key"), ("gemini", "x-goog-api-key")]
)
async def test_each_protocol_carries_the_key_in_its_own_header(
    provider: str, header: str, call: Call, file: Path, move: Move, pipe: Pipe
) -> None:
    async with FakeProvider(header=header) as server:
        move(provider, server)
        pipe(KEY)
        said = await call("backends", "add", provider, "--json")
        sent = [request.headers[header] for request in server.requests]
    assert (said.code, said.json["kind"]) == (0, load_config(file)[0].backend[0].kind)
    assert all(value.endswith(KEY) for value in sent)


async def test_a_key_is_not_proven_by_a_list_that_is_open_to_all(call: Call, file: Path, pipe: Pipe) -> None:
    async with FakeProvider("m", open_list=True) as server:
        pipe(KEY)
        said = await call("backends", "add", server.url, "--managed", "--json")
    assert (said.code, said.json["key_state"], said.json["key"]) == (0, "unproven", "keyring")
    assert "the key was not proven" in said.err


async def test_where_a_provider_has_a_place_that_tells_it_is_asked(
    call: Call, file: Path, move: Move, pipe: Pipe
) -> None:
    async with FakeProvider("a/b", open_list=True) as server:
        move("openrouter", server)
        pipe("sk-wrong")
        said = await call("backends", "add", "openrouter")
        assert (said.code, "/api/v1/key answered with status 401: Incorrect" in said.err) == (1, True)
        assert written(file) == COMMENTED
        pipe(KEY)
        said = await call("backends", "add", "openrouter", "--json")
        assert "/api/v1/key" in [request.path for request in server.requests]
    assert said.json["key_state"] == "works"
    assert load_config(file)[0].backend[0].headers == {"X-Title": "hybridchat"}


@pytest.mark.parametrize(("key", "code"), [(KEY, 0), ("sk-wrong", 1)])
async def test_a_proof_by_question_decides_where_it_is_asked_for(
    key: str, code: int, call: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_API_KEY", key)
    async with FakeProvider("m", open_list=True) as server:
        said = await call("backends", "add", "litellm", "--url", server.url, "--model", "m", "--prove")
        (question,) = server.sent("/v1/chat/completions")
    assert (said.code, question.json()["max_tokens"]) == (code, 1)
    assert "charged, and in no budget or statistics: litellm (m, price unknown)" in said.err
    assert len(load_config(file)[0].backend) == 1 - code


async def test_azure_wants_its_resource_a_deployment_and_another_header(call: Call, file: Path, pipe: Pipe) -> None:
    said = await call("backends", "add", "azure-openai")
    assert (said.code, "--url, such as https://RESOURCE.openai.azure.com" in said.err) == (2, True)
    async with FakeProvider("gpt-5", header="api-key") as server:
        pipe(KEY)
        said = await call(
            *("backends", "add", "azure-openai", "--url", server.url, "--managed", "--model", "my-deployment", "--json")
        )
        assert {request.path for request in server.requests} == {"/openai/v1/models"}
    assert (said.code, said.json["model"], said.json["key_state"]) == (0, "my-deployment", "works")
    (entry,) = load_config(file)[0].backend
    assert (entry.key_header, entry.base_url) == ("api-key", f"{server.url}/openai/v1")


async def test_without_a_keyring_the_key_is_kept_nowhere_and_the_variable_is_named(
    call: Call, file: Path, move: Move, pipe: Pipe, install_keyring: InstallKeyring
) -> None:
    from keyring.backends import fail

    install_keyring(fail.Keyring())
    async with FakeProvider("m") as server:
        move("mistral", server)
        pipe(KEY)
        said = await call("backends", "add", "mistral")
    assert said.code == 0
    assert "put it into the environment as MISTRAL_API_KEY" in said.err
    assert load_config(file)[0].backend[0].key is None, "where it is looked for anyway"
    assert KEY not in said.out + said.err + written(file)


async def test_a_model_that_the_account_lacks_leaves_nothing(
    call: Call, file: Path, move: Move, pipe: Pipe, ring: MemoryKeyring
) -> None:
    async with FakeProvider("mistral-small-latest", "mistral-large-latest") as server:
        move("mistral", server)
        pipe(KEY)
        said = await call("backends", "add", "mistral", "--model", "mistral-smal", "--json")
    assert (said.code, said.out, "such as: mistral-small-latest" in said.err) == (2, "", True)
    assert (written(file), ring.kept) == (COMMENTED, {})


@pytest.mark.parametrize("alias", ["claude-x", "a/b:nitro", "a/b", "llama:8b"])
async def test_an_alias_that_a_list_does_not_spell_out_is_taken(alias: str, call: Call, file: Path, pipe: Pipe) -> None:
    async with FakeProvider("claude-x-20260101", "a/b", "llama:8b") as server:
        pipe(KEY)
        assert (await call("backends", "add", server.url, "--managed", "--model", alias)).code == 0
    assert load_config(file)[0].backend[0].model == alias


def test_a_managed_place_that_does_not_answer_is_not_added(cli: Cli, file: Path, pipe: Pipe) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        said = cli("backends", "add", f"http://127.0.0.1:{nobody.getsockname()[1]}", "--managed")
    assert (said.code, "nothing listens" in said.err, written(file)) == (1, True, COMMENTED)


async def test_an_own_server_is_asked_what_it_is_and_needs_no_key(call: Call, file: Path) -> None:
    from tests.unit.backends.test_identity import vllm

    async with vllm() as server:
        said = await call("backends", "add", server.url, "--vouched", "--json")
    added = said.json
    assert (added["id"], added["kind"], added["zone"], added["proof"]) == ("vllm", "vllm", "device", "vouched")
    assert (added["key_state"], added["key"], added["model"]) == ("not needed", None, "tiny")
    assert added["models"][0]["context_window"] == 2048


async def test_an_own_server_that_wants_a_key_is_given_one(call: Call, file: Path, pipe: Pipe) -> None:
    async with FakeProvider("m") as server:
        said = await call("backends", "add", "lab", "--url", server.url, "--kind", "openai-compatible")
        assert (said.code, "127.0.0.1 needs a key" in said.err) == (2, True)
        pipe(KEY)
        said = await call("backends", "add", "lab", "--url", server.url, "--kind", "openai-compatible", "--json")
    assert (said.json["id"], said.json["key"], said.json["key_state"]) == ("lab", "keyring", "works")


@pytest.mark.parametrize("shown", [True, False])
async def test_an_own_authority_and_a_client_certificate_come_along(
    shown: bool, call: Call, file: Path, pipe: Pipe
) -> None:
    client = ("--cert", str(CERTIFICATES / "client.pem"))
    server = FakeProvider("m")
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(CERTIFICATES / "valid.pem")
    server.tls.verify_mode = ssl.CERT_REQUIRED
    server.tls.load_verify_locations(CERTIFICATES / "authority.pem")
    async with server:
        url = server.url.replace("http:", "https:")
        pipe(KEY)
        ours = ("--managed", "--ca", str(CERTIFICATES / "authority.pem"), *(client if shown else ()))
        said = await call("backends", "add", url, *ours, "--json")
    if shown:
        assert (said.code, said.json["key_state"]) == (0, "works")
        (entry,) = load_config(file)[0].backend
        assert (entry.ca, entry.cert) == (ours[2], client[1])
    else:
        assert (said.code, written(file)) == (1, COMMENTED)


@pytest.mark.parametrize("text", ["sk-1\nsk-2", "sk 1", "sk-ö"])
async def test_what_is_no_key_is_one_line_and_sent_nowhere(
    text: str, call: Call, file: Path, move: Move, pipe: Pipe
) -> None:
    async with FakeProvider("m") as server:
        move("mistral", server)
        pipe(text)
        said = await call("backends", "add", "mistral")
        assert server.requests == []
    assert (said.code, said.err.count("\n"), "sk" in said.err) == (2, 1, False)


def test_a_key_as_an_argument_is_refused_without_repeating_it(cli: Cli, file: Path) -> None:
    said = cli("backends", "add", "mistral", "--key-from", KEY)
    assert (said.code, KEY in said.err, "env:NAME" in said.err) == (2, False, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["opnai"], "no provider is called 'opnai'"),
        (["https://a.example", "--url", "https://b.example"], "two addresses"),
        (["https://api.openai.com/v1/chat/completions"], "write it as https://api.openai.com/v1"),
        (["https://me:pw@host.example"], "user information"),
        (["https://host.example/v1?api_key=pw"], "leave out everything from ? or # on"),
        (["http://127.0.0.1:1", "--private"], "loopback is this device"),
        (["http://127.0.0.1:1", "--id", "auto"], "has a meaning of its own"),
        (["http://127.0.0.1:1", "--id", "a b"], "'a b' cannot be an id"),
    ],
)
def test_what_would_be_a_mistake_is_one_line(arguments: list[str], said: str, cli: Cli, file: Path) -> None:
    done = cli("backends", "add", *arguments)
    assert (done.code, done.err.count("\n"), "pw" in done.err) == (2, 1, False)
    assert said in done.err
    assert written(file) == COMMENTED


async def test_a_second_one_of_a_provider_gets_a_number(
    call: Call, file: Path, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    async with FakeProvider("m") as server:
        move("mistral", server)
        for _ in range(2):
            assert (await call("backends", "add", "mistral")).code == 0
    assert [entry.id for entry in load_config(file)[0].backend] == ["mistral", "mistral-2"]


async def test_on_a_terminal_it_asks_for_the_key_unseen_and_for_the_model(
    call: Call, file: Path, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def answer(text: str, *, hide_input: bool = False, **_: object) -> str:
        asked.append((text, hide_input))
        return KEY if hide_input else "2"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr(click, "prompt", answer)
    async with FakeProvider("mistral-small-latest", "mistral-large-latest") as server:
        move("mistral", server)
        said = await call("backends", "add", "mistral")
    assert said.code == 0
    assert [hidden for _, hidden in asked] == [True, False]
    assert "https://console.mistral.ai/api-keys" in said.err
    assert load_config(file)[0].backend[0].model == "mistral-large-latest"


async def test_on_a_terminal_a_wrong_key_may_be_typed_again(
    call: Call, file: Path, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["sk-wrong", "sk-wrong-too", "sk-wrong-again", "sk-wrong", KEY, ""])

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(click, "prompt", lambda *_, **__: next(typed))
    async with FakeProvider("m") as server:
        move("mistral", server)
        assert (await call("backends", "add", "mistral")).code == 1
        assert written(file) == COMMENTED
        assert (await call("backends", "add", "mistral")).code == 0
    assert load_config(file)[0].backend[0].key == "keyring"


def test_the_help_names_every_provider() -> None:
    assert adding.add.help is not None
    for provider in providers.providers():
        assert provider.id in adding.add.help
