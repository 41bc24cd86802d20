"""What looks local must be provably local, and no name is ever looked up."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hybridchat.domain.address import Address, parse_base_url
from hybridchat.errors import UsageError

REFUSED = [
    "",
    "127.0.0.1:8000",
    "localhost",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http:127.0.0.1",
    "http:/127.0.0.1",
    "http:///127.0.0.1",
    "http://",
    "http://:8000",
    # user information
    "http://127.0.0.1@evil.example",
    "http://127.0.0.1:80@evil.example",
    "http://user:secret@127.0.0.1",
    "http://@127.0.0.1",
    "http://localhost:8000@evil.example:8000/",
    # backslashes, blanks, control characters
    "http://127.0.0.1\\@evil.example",
    "http://evil.example\\.127.0.0.1",
    "http:\\\\127.0.0.1",
    " http://127.0.0.1",
    "http://127.0.0.1 ",
    "http://127.0.0.1\t",
    "http://127.0.0.1\n",
    "http://evil.example\r\nHost: 127.0.0.1",
    "http://127.0.0.1\x00.evil.example",
    # numbers that resolvers read as addresses
    "http://0.0.0.0:8000",
    "http://0",
    "http://127.1",
    "http://127.0.1",
    "http://2130706433",
    "http://017700000001",
    "http://0x7f.1",
    "http://0x7f000001",
    "http://0X7F.0.0.1",
    "http://0177.0.0.1",
    "http://127.0.0.01",
    "http://127.0.0.256",
    "http://127.0.0.1.1",
    "http://127.0.0.1.",
    "http://1.2.3.4.5",
    "http://evil.example.1",
    "http://0x",
    # names that look local
    "http://localhost.",
    "http://localhost.example",
    "http://localhost.localdomain",
    "http://foo.localhost",
    "http://127.0.0.1.example",
    "http://127.example",
    # other alphabets
    "http://１２７.0.0.1",
    "http://127。0。0。1",
    "http://ⓛocalhost",
    "http://lоcalhost",  # a Cyrillic o
    "http://bücher.example",
    "http://127.0.0.1／.evil.example",
    # IPv6
    "http://::1",
    "http://[::1",
    "http://::1]",
    "http://[::1]evil.example",
    "http://[::1].evil.example",
    "http://[::1%25lo]",
    "http://[fe80::1%eth0]:8000",
    "http://[::]",
    "http://[::ffff:0.0.0.0]",
    "http://[127.0.0.1]",
    "http://[localhost]",
    "http://[v1.fe80::a]",
    "http://[]",
    "http://[::1]:",
    # percent signs in the host
    "http://%6c%6f%63alhost",
    "http://127.0.0.1%2eevil.example",
    "http://127.0.0.1%00.evil.example",
    # ports
    "http://127.0.0.1:",
    "http://127.0.0.1:0",
    "http://127.0.0.1:65536",
    "http://127.0.0.1:-1",
    "http://127.0.0.1:080",
    "http://127.0.0.1:8o",
    "http://127.0.0.1:80:80",
    "http://127.0.0.1:http",
    # queries, fragments, paths
    "http://127.0.0.1?x",
    "http://127.0.0.1/?x=1",
    "http://127.0.0.1#@evil.example",
    "http://127.0.0.1/#x",
    "http://127.0.0.1/../x",
    "http://127.0.0.1/./x",
    "http://127.0.0.1//evil.example/x",
    'http://127.0.0.1/"x',
    # names that are none
    "http://-a.example",
    "http://a-.example",
    "http://a..example",
    "http://.example",
    "http://a,b.example",
    "http://" + "a" * 64 + ".example",
    "http://" + ".".join(["a" * 60] * 5),
    # sockets
    "unix:",
    "unix://",
    "unix:relative/path",
    "unix:///run/\x1bx",
]

READ = [
    ("http://127.0.0.1:8000", Address("http", "127.0.0.1", 8000, "", True)),
    ("http://127.0.0.1:8000/", Address("http", "127.0.0.1", 8000, "", True)),
    ("http://127.0.0.1:8000/v1", Address("http", "127.0.0.1", 8000, "", True, "/v1")),
    ("http://127.0.0.1:8000/v1/", Address("http", "127.0.0.1", 8000, "", True, "/v1")),
    ("http://127.9.9.9", Address("http", "127.9.9.9", 80, "", True)),
    ("HTTP://LocalHost:11434", Address("http", "localhost", 11434, "", True)),
    ("http://[::1]:8080/v1", Address("http", "::1", 8080, "", True, "/v1")),
    ("http://[0:0:0:0:0:0:0:1]", Address("http", "::1", 80, "", True)),
    ("http://[::ffff:127.0.0.1]:8000", Address("http", "127.0.0.1", 8000, "", True)),
    ("http://[::FFFF:7f00:1]", Address("http", "127.0.0.1", 80, "", True)),
    ("http://[::127.0.0.1]", Address("http", "::7f00:1", 80, "", False)),
    ("http://128.0.0.1", Address("http", "128.0.0.1", 80, "", False)),
    ("http://127x.example", Address("http", "127x.example", 80, "", False)),
    ("http://192.168.0.7:8000", Address("http", "192.168.0.7", 8000, "", False)),
    ("http://[2001:DB8::1]", Address("http", "2001:db8::1", 80, "", False)),
    ("https://api.openai.com/v1", Address("https", "api.openai.com", 443, "", False, "/v1")),
    ("https://openrouter.ai/api/v1", Address("https", "openrouter.ai", 443, "/api", False, "/v1")),
    ("https://gpu-box:8443", Address("https", "gpu-box", 8443, "", False)),
    ("http://gpu_box.lan", Address("http", "gpu_box.lan", 80, "", False)),
    ("https://xn--bcher-kva.example", Address("https", "xn--bcher-kva.example", 443, "", False)),
    ("https://host.example/v1/v1", Address("https", "host.example", 443, "/v1", False, "/v1")),
    ("https://host.example/a%20b/@x", Address("https", "host.example", 443, "/a%20b/@x", False)),
    ("unix:///run/llama.sock", Address("unix", "", 0, "/run/llama.sock", True)),
    ("unix:/run/v1", Address("unix", "", 0, "/run/v1", True)),
]


@pytest.mark.parametrize("url", REFUSED)
def test_refused_in_one_line_with_a_remedy(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_base_url(url)
    assert caught.value.remedy
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("url", "address"), READ)
def test_read(url: str, address: Address) -> None:
    assert parse_base_url(url) == address


def test_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(UsageError) as caught:
        parse_base_url("https://me:hunter2@host.example")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://localhost:8000/v1", "http://127.0.0.1:8000"),
        ("https://api.openai.com/v1", "https://api.openai.com:443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("unix:///run/x", "http://localhost"),
    ],
)
def test_origin_is_what_a_client_dials(url: str, origin: str) -> None:
    assert parse_base_url(url).origin == origin


PIECES = st.sampled_from(
    [
        *(
            "127.0.0.1",
            "127.1",
            "localhost",
            "::1",
            "[::1]",
            "0x7f",
            "2130706433",
            "evil.example",
            "0.0.0.0",
            "1",
            "v1",
        ),
        *(
            "@",
            ":",
            "/",
            "\\",
            "%",
            "#",
            "?",
            ".",
            "..",
            "[",
            "]",
            " ",
            "\t",
            "。",
            "１",
            "user:pw@",
            "8000",
            "ffff",
            "//",
        ),
    ]
)


@given(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20))
@example("127.0.0.1")
@example("[::1]:8000/v1")
def test_loopback_is_claimed_only_for_literal_loopback(rest: str) -> None:
    try:
        address = parse_base_url(f"http://{rest}")
    except UsageError:
        return
    assert address.host.isascii()
    assert address.host == address.host.lower()
    literal = "127.0.0.1" if address.host == "localhost" else address.host
    try:
        is_loopback = ipaddress.ip_address(literal).is_loopback
    except ValueError:
        is_loopback = False
    assert address.is_loopback is is_loopback
    # Reading what a client would dial gives the same place: two readers cannot be played against each other.
    again = parse_base_url(address.base_url)
    assert (again.host, again.port, again.is_loopback) == (literal, address.port, address.is_loopback)
    assert (again.path, again.version_path) == (address.path, address.version_path)


@pytest.mark.parametrize(
    ("url", "server", "endpoint"),
    [
        ("http://127.0.0.1:8000", "", "/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/", "", "/v1/chat/completions"),
        ("https://box.example/llm", "/llm", "/v1/chat/completions"),
        ("https://box.example/llm/v1", "/llm", "/v1/chat/completions"),
        ("https://openrouter.ai/api/v1", "/api", "/v1/chat/completions"),
        ("https://api.groq.com/openai/v1", "/openai", "/v1/chat/completions"),
        ("https://mine.openai.azure.com/openai/v1", "/openai", "/v1/chat/completions"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "", "/v1beta/openai/chat/completions"),
        ("https://gateway.example/v1/account/gate/openai", "", "/v1/account/gate/openai/chat/completions"),
        ("https://api.example/v2/box/v1", "/v2/box", "/v1/chat/completions"),
        ("https://api.example/api/paas/v4", "/api/paas", "/v4/chat/completions"),
        ("https://api.example/vision", "/vision", "/v1/chat/completions"),
    ],
)
def test_a_version_in_the_path_is_the_apis_root_and_what_stands_before_it_the_servers(
    url: str, server: str, endpoint: str
) -> None:
    address = parse_base_url(url)
    assert (address.path, address.endpoint("/chat/completions")) == (server, endpoint)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://generativelanguage.googleapis.com", "/v1beta/models"),
        ("https://generativelanguage.googleapis.com/v1beta", "/v1beta/models"),
        ("https://generativelanguage.googleapis.com/v1", "/v1/models"),
    ],
)
def test_a_protocol_has_a_version_of_its_own_for_a_url_without(url: str, endpoint: str) -> None:
    assert parse_base_url(url).endpoint("/models", version="/v1beta") == endpoint


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/responses/", "https://api.openai.com/v1"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1"),
        ("http://127.0.0.1:11434/api/chat", "http://127.0.0.1:11434"),
        ("http://127.0.0.1:8000/v1/models", "http://127.0.0.1:8000/v1"),
        ("https://box.example/llm/chat/completions", "https://box.example/llm"),
        ("https://g.example/v1beta/models/m-1:streamGenerateContent", "https://g.example/v1beta"),
        ("https://g.example/v1beta/openai/models", "https://g.example/v1beta/openai"),
    ],
)
def test_a_path_too_much_is_refused_with_the_address_to_write(url: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_base_url(url)
    assert caught.value.message.endswith("has a path too much")
    assert caught.value.remedy == f"write it as {remedy}"
    parse_base_url(remedy)


def test_a_path_is_no_endpoint_only_because_it_is_called_like_one() -> None:
    assert parse_base_url("https://box.example/models").endpoint("/models") == "/v1/models"


def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def forbidden(*_: object) -> None:
        raise AssertionError("looked up")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "getnameinfo"):
        monkeypatch.setattr(socket, name, forbidden)
    for url, _ in READ:
        parse_base_url(url)
