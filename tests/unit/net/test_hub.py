"""Where a hub may send us for a model's bytes."""

from __future__ import annotations

import pytest

from hybridchat.backends.hub import catalog
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.net.hub import ListedHosts, library_client
from tests.fakes.recorder import Recorded

HUB = ListedHosts("https://huggingface.co", catalog().storage_hosts)
ITS_OWN = [
    "https://huggingface.co/Qwen/Qwen3-0.6B-GGUF/resolve/main/x.gguf",
    "https://cdn-lfs.huggingface.co/repos/a/b",
    "https://cas-bridge.xethub.hf.co/xet-bridge-us/1?X-Amz-Signature=2",
    "https://us.aws.cdn.hf.co/x",
    "https://HF.co/x",
]
NOT_ITS_OWN = [
    "https://example.org/x",
    "https://evilhf.co/x",
    "https://hf.co.example.org/x",
    "https://huggingface.co@example.org/x",
    "https://example.org@cdn.hf.co/x",
    "https://cdn.hf.co:8443/x",
    "https://cdn.hf.co./x",
    "http://cdn.hf.co/x",  # without TLS, after a hub with it
    "ftp://huggingface.co/x",
    "//cdn.hf.co/x",
    "/x",
    "",
]


@pytest.mark.parametrize("url", ITS_OWN)
def test_its_own_hosts_are_listed(url: str) -> None:
    HUB.check(url)


@pytest.mark.parametrize("url", NOT_ITS_OWN)
def test_other_hosts_are_refused(url: str) -> None:
    with pytest.raises(BackendError, match="not one of its own hosts") as refused:
        HUB.check(url)

    assert refused.value.kind is ErrorKind.REDIRECT


def test_a_hub_without_tls_may_use_storage_without_tls() -> None:
    ListedHosts("http://127.0.0.1:1", ("127.0.0.1:2",)).check("http://127.0.0.1:2/x")


def test_library_is_refused_before_it_connects() -> None:
    with library_client(HUB, Recorded()) as client, pytest.raises(BackendError):
        client.head("https://example.org/x")
