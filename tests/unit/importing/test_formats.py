"""What each program's export becomes: every branch, with its dates, models and the names of what was attached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hybridchat.domain.chat import Parameters, Role
from hybridchat.domain.imports import Found, ImportedConversation, ImportedMessage, Unread
from hybridchat.importing import chatgpt, claude, open_webui, own
from tests.unit.importing import shapes
from tests.unit.importing.shapes import ROOT, as_json, gpt, gpt_message

Nodes = dict[str, tuple[str | None, dict[str, Any] | None]]


def read(reader: Any, entry: Any) -> tuple[ImportedConversation, list[Unread]]:
    found: list[Found] = list(reader.read(as_json(entry), "conversation 1", shapes.NOW))
    (conversation,) = [one for one in found if isinstance(one, ImportedConversation)]
    return conversation, [one for one in found if isinstance(one, Unread)]


def path(conversation: ImportedConversation) -> list[ImportedMessage]:
    """Root → active leaf."""
    by_origin = {message.origin: message for message in conversation.messages}
    shown, name = [], conversation.active
    while name is not None:
        shown.append(by_origin[name])
        name = by_origin[name].parent
    return shown[::-1]


def test_chatgpt_keeps_every_branch() -> None:
    nodes: Nodes = {
        "root": (None, None),
        "hidden": ("root", gpt_message("system", "")),
        "u": ("hidden", gpt_message("user", "what is it?", shapes.START)),
        "later": ("u", gpt_message("assistant", "the second answer", shapes.START + 9)),
        "first": ("u", gpt_message("assistant", "the first answer", shapes.START + 3)),
        "on": ("first", gpt_message("user", "go on", shapes.START + 5)),
    }
    conversation, unread = read(chatgpt, gpt(nodes, "on"))
    assert unread == []
    assert (conversation.origin, conversation.title) == ("chatgpt:c1", "chat c1")
    assert (conversation.created_at, conversation.updated_at) == (
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:14:20.000Z",
    )
    assert [(m.origin, m.parent) for m in conversation.messages] == [
        ("u", None),
        ("first", "u"),
        ("on", "first"),
        ("later", "u"),
    ]
    assert [m.text for m in path(conversation)] == ["what is it?", "the first answer", "go on"]
    assert [m.model for m in conversation.messages] == [None, "gpt-4o", None, "gpt-4o"]


def test_chatgpts_tools_are_part_of_the_reply() -> None:
    code = {"content_type": "code", "language": "python", "text": "print('```')"}
    nodes: Nodes = {
        "u": (None, gpt_message("user", "count them")),
        "t": ("u", gpt_message("assistant", "", content={"content_type": "thoughts", "thoughts": [
            {"summary": "Counting", "content": "One by one."}]})),
        "c": ("t", gpt_message("assistant", "", content=code, recipient="python")),
        "o": ("c", gpt_message("tool", "", name="python", content={"content_type": "execution_output", "text": "3"})),
        "r": ("o", gpt_message("assistant", "", content={"content_type": "reasoning_recap", "content": "Thought"})),
        "a": ("r", gpt_message("assistant", "There are three.")),
    }  # fmt: skip
    conversation, unread = read(chatgpt, gpt(nodes, "a"))
    assert unread == []
    question, reply = conversation.messages
    assert (question.role, reply.role, conversation.active) == (Role.USER, Role.ASSISTANT, reply.origin)
    assert reply.thinking == "Counting\n\nOne by one."
    assert reply.text == ("*python:*\n\n````python\nprint('```')\n````\n\n*python:*\n\n```\n3\n```\n\nThere are three.")


def test_chatgpts_images_and_files_are_named() -> None:
    parts = [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1", "width": 9},
        {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_2"},
        {"content_type": "audio_transcription", "text": "spoken words", "direction": "in"},
        "what is on them?",
    ]
    content = {"content_type": "multimodal_text", "parts": parts}
    attachments = [{"id": "file-1", "name": "cat.png"}, {"id": "file-3", "name": "notes.pdf"}]
    message = gpt_message("user", "", content=content, metadata={"attachments": attachments})
    conversation, _ = read(chatgpt, gpt({"u": (None, message)}, "u"))
    assert conversation.messages[0].text == (
        "spoken words\n\nwhat is on them?\n\n[attached: cat.png]\n[attached: file_2]\n[attached: notes.pdf]"
    )


def test_what_is_broken_in_chatgpts_costs_itself_alone() -> None:
    entry = shapes.gpt_chat(turns=2)
    entry["mapping"]["c1-a0"]["message"]["content"] = {"content_type": "hologram"}
    entry["mapping"]["c1-u1"]["message"]["author"] = 7
    entry["mapping"]["c1-a1"]["message"]["author"]["role"] = "oracle"
    conversation, unread = read(chatgpt, entry)
    assert [message.text for message in conversation.messages] == ["question 0"]
    assert [(one.where, one.why) for one in unread] == [
        ("conversation 1, message c1-a0", "content of the type 'hologram' is not known"),
        ("conversation 1, message c1-u1", "Expected `object`, got `int` - at `$.message.author`"),
        ("conversation 1, message c1-a1", "the role 'oracle' is not known"),
    ]


def test_a_broken_message_leaves_no_gap_in_its_branch() -> None:
    entry = shapes.gpt_chat(turns=3)
    entry["mapping"]["c1-a1"]["message"]["content"] = None
    conversation, unread = read(chatgpt, entry)
    assert len(unread) == 1
    assert [m.text for m in path(conversation)] == ["question 0", "answer 0", "question 1", "question 2", "answer 2"]


def test_what_chatgpt_hides_stays_hidden() -> None:
    hidden = gpt_message("user", "about me", metadata={"is_visually_hidden_from_conversation": True})
    context = gpt_message("user", "", content={"content_type": "user_editable_context", "user_profile": "me"})
    nodes: Nodes = {
        "s": (None, gpt_message("system", "Be brief.")),
        "h": ("s", hidden),
        "x": ("h", context),
        "u": ("x", gpt_message("user", "hello")),
    }
    conversation, _ = read(chatgpt, gpt(nodes, "u"))
    assert (conversation.system, [m.text for m in conversation.messages]) == ("Be brief.", ["hello"])


def test_claude_keeps_every_branch() -> None:
    entry = shapes.claude(
        shapes.claude_message("1", "human", "hello", ROOT),
        shapes.claude_message("2", "assistant", "hi", "1"),
        shapes.claude_message("3", "assistant", "good day", "1"),
        shapes.claude_message("4", "human", "so?", "2"),
        current_leaf_message_uuid="4",
    )
    conversation, unread = read(claude, entry)
    assert unread == []
    assert (conversation.origin, conversation.title) == ("claude:k1", "a talk")
    assert [(m.origin, m.parent) for m in conversation.messages] == [("1", None), ("2", "1"), ("4", "2"), ("3", "1")]
    assert [m.text for m in path(conversation)] == ["hello", "hi", "so?"]
    assert conversation.messages[0].created_at == "2025-03-01T10:00:00.123Z"


def test_claudes_older_exports_have_no_parents() -> None:
    old = [shapes.claude_message(str(n), "human" if n % 2 else "assistant", f"m{n}", content=None) for n in range(1, 5)]
    conversation, _ = read(claude, shapes.claude(*old))
    assert [m.text for m in path(conversation)] == ["m1", "m2", "m3", "m4"]


def test_claudes_blocks_and_files() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Let me see.", "cut_off": False},
        {"type": "text", "text": "I look it up."},
        {"type": "tool_use", "name": "web_search", "input": {"q": "x"}},
        {"type": "tool_result", "name": "web_search", "content": [{"type": "text", "text": "found"}]},
        {"type": "token_budget"},
        {"type": "text", "text": "Here."},
    ]
    entry = shapes.claude(
        shapes.claude_message(
            "1",
            "human",
            "see",
            ROOT,
            attachments=[
                {"file_name": "log.txt", "file_size": 3, "extracted_content": "long"},
                {"file_name": "", "extracted_content": "pasted words"},
            ],
            files=[{"file_name": "cat.png"}],
        ),
        shapes.claude_message("2", "assistant", "", "1", content=blocks),
    )
    conversation, unread = read(claude, entry)
    question, reply = conversation.messages
    assert unread == []
    assert question.text == "see\n\n```\npasted words\n```\n\n[attached: log.txt]\n[attached: cat.png]"
    assert reply.thinking == "Let me see."
    assert reply.text == (
        'I look it up.\n\n*web_search:*\n\n```json\n{\n  "q": "x"\n}\n```\n\n*web_search:*\n\n```\nfound\n```\n\nHere.'
    )


def test_what_is_broken_in_claudes() -> None:
    entry = shapes.claude(
        shapes.claude_message("1", "human", "hello", ROOT),
        shapes.claude_message("2", "martian", "beep", "1"),
        shapes.claude_message("3", "assistant", "", "2", content=[{"type": "text"}]),
        {"nothing": True},
        shapes.claude_message("5", "human", "still here", "2"),
    )
    conversation, unread = read(claude, entry)
    assert [(m.text, m.parent) for m in conversation.messages] == [("hello", None), ("still here", "1")]
    assert [one.why for one in unread] == [
        "the sender 'martian' is not known",
        "it lacks 'text'",
        "Object missing required field `uuid`",
    ]


def test_open_webui_keeps_every_branch() -> None:
    thought = (
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought</summary>\n> So it is.\n</details>\n'
    )
    entry = shapes.webui(
        shapes.webui_message("1", None, "user", "hello", files=[{"type": "image", "url": "data:image/png;base64,AA"}]),
        shapes.webui_message("2", "1", "assistant", f"{thought}hi"),
        shapes.webui_message("3", "1", "assistant", [{"type": "text", "text": "hey"}]),
        leaf="2",
        system="Be kind.",
    )
    conversation, unread = read(open_webui, entry)
    assert unread == []
    assert (conversation.origin, conversation.system) == ("open-webui:w1", "Be kind.")
    assert conversation.created_at == "2023-11-14T22:13:20.000Z"
    first, reply, other = conversation.messages
    assert (first.text, other.text) == ("hello\n\n[attached: image]", "hey")
    assert (reply.text, reply.thinking, reply.model) == ("hi", "So it is.", "llama3.2:latest")
    assert [m.origin for m in path(conversation)] == ["1", "2"]


def test_open_webuis_older_chats_have_no_tree() -> None:
    entry = shapes.webui(
        shapes.webui_message("1", None, "user", "hello"), shapes.webui_message("2", None, "assistant", "hi"), leaf="2"
    )
    del entry["chat"]["history"]
    conversation, _ = read(open_webui, entry)
    assert [m.text for m in path(conversation)] == ["hello", "hi"]


def test_our_own_json_without_what_was_measured() -> None:
    message = {"id": 3, "role": "user", "text": "hello", "created_at": shapes.NOW, "origin": "hybridchat:l:3"}
    reply = {**message, "id": 4, "role": "assistant", "parent_id": 3, "origin": "hybridchat:l:4", "text": "hi"}
    entry = {
        "origin": "hybridchat:l:2",
        "privacy": "private",
        "created_at": shapes.NOW,
        "updated_at": shapes.NOW,
        "active_leaf_id": 4,
        "messages": [
            message,
            {**reply, "attempt": {"model": "tiny", "cost_usd": 7.0}},
            {**reply, "state": "streaming"},
        ],
    }
    conversation, unread = read(own, entry)
    assert [(m.text, m.model, m.attempts) for m in conversation.messages] == [("hello", None, ()), ("hi", "tiny", ())]
    assert (conversation.privacy, conversation.active) == ("private", "hybridchat:l:4")
    assert [one.why for one in unread] == ["it was still being written: export it again"]


@pytest.mark.parametrize("said", ["never", -1e300, 1e300, True, None, {"at": 3}, "2025-13-45"])
def test_a_time_that_is_none_is_not_guessed(said: Any) -> None:
    entry = shapes.gpt_chat()
    entry["create_time"] = entry["mapping"]["c1-u0"]["message"]["create_time"] = said
    conversation, _ = read(chatgpt, entry)
    assert conversation.messages[0].created_at == shapes.NOW


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_times_come_in_several_units(unit: int) -> None:
    entry = shapes.gpt_chat()
    entry["create_time"] = int(shapes.START) * unit
    assert read(chatgpt, entry)[0].created_at == "2023-11-14T22:13:20.000Z"


def test_thinking_that_never_ends_is_text() -> None:
    opened = '<details type="reasoning">'
    entry = shapes.webui(shapes.webui_message("1", None, "assistant", f"{opened}a</details>b{opened}c"), leaf="1")
    conversation, _ = read(open_webui, entry)
    assert (conversation.messages[0].text, conversation.messages[0].thinking) == (f"b{opened}c", "a")


def test_tags_stars_and_what_was_archived() -> None:
    talk, _ = read(chatgpt, {**shapes.gpt_chat(), "is_archived": True, "is_starred": None})
    assert (talk.starred_at, talk.archived_at) == (None, "2023-11-14T22:14:20.000Z")
    chat = shapes.webui(shapes.webui_message("1", None, "user", "hello"), leaf="1")
    marked, _ = read(open_webui, {**chat, "pinned": True, "meta": {"tags": ["Work", "a,b", 7, "home", "work"]}})
    assert (marked.tags, marked.starred_at, marked.archived_at) == (("home", "work"), "2023-11-14T22:13:25.000Z", None)


def test_settings_of_our_own_come_as_far_as_they_are_sound() -> None:
    entry: dict[str, Any] = {
        "origin": "hybridchat:x:1",
        "messages": [],
        "privacy": "open",
        "created_at": "",
        "updated_at": "",
    }
    entry["parameters"] = {"temperature": 0.5, "seed": "three", "max_tokens": -1, "stop": ["END"]}
    (talk,) = own.read(json.dumps(entry).encode(), "file", "2026-11-21T08:30:00.000Z")
    assert isinstance(talk, ImportedConversation)
    assert talk.parameters == Parameters(temperature=0.5, stop=("END",))
