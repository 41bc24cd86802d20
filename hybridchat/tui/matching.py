"""Finding an action by words: its own, the slash command's, and those that people know it by from elsewhere."""

from __future__ import annotations

from difflib import get_close_matches

from hybridchat.tui.actions import Action

_FILLERS = {
    *("a", "an", "and", "can", "do", "for", "how", "i", "in", "is", "it", "me", "my", "of", "on", "or"),
    *("the", "this", "to", "what", "where", "with"),
}
WORD = 2.0  # of `rank`, for one word: it is one of the action's own, or one that it is known by
_ALIKE = 0.75  # of difflib's ratio: one letter of four may be another

# What else it may be called. Words of the title, the help and the names after a slash are known anyway.
OTHER_WORDS = {
    "send": "submit enter",
    "newline": "multiline linebreak paragraph",
    "send_to": "once other model backend override",
    "stop": "cancel abort interrupt halt",
    "recall": "edit repeat history previous",
    "history": "earlier messages previous repeat reuse recall search prompts",
    "editor": "vim nano emacs external visual open draft",
    "take_back": "unqueue queue cancel pending",
    "attach": "file image picture pdf upload document photo add",
    "attachments": "files images remove open list",
    "prompts": "template snippet library form variables",
    "save_prompt": "template snippet keep library",
    "answer_again": "regenerate retry redo reroll another model",
    "edit_message": "change correct rewrite branch",
    "tree": "branches graph map history versions",
    "fork_here": "branch copy duplicate split",
    "delete_branch": "remove prune cut message",
    "tune": "temperature parameters system prompt max tokens sampling model options",
    "preset": "profile parameters favourite settings",
    "save_preset": "profile parameters keep settings",
    "details": "info waterfall timing request tokens cost why inspect",
    "escalate": "second opinion compare cloud local bigger",
    "answer_before": "previous sibling version branch variant",
    "answer_after": "next sibling version branch variant",
    "ways": "error retry failed again fallback options",
    "new_chat": "create conversation session clear fresh",
    "new_off_record": "private incognito temporary secret conversation",
    "chats": "history conversations sessions list switch browse",
    "search": "find grep look history messages",
    "rename_chat": "name title conversation",
    "star_chat": "favourite favorite bookmark pin keep",
    "tag_chat": "label category folder",
    "archive_chat": "hide put away conversation",
    "delete_chat": "remove erase trash conversation",
    "undo_delete": "restore recover back trash undelete",
    "export_chat": "save download share html json conversation",
    "import_chats": "load migrate bring in",
    "route": "model backend switch provider where choose",
    "privacy": "pin local only secret offline",
    "standing": "proof verified zone trust",
    "effort": "reasoning thinking budget deep",
    "reasoning": "hard think effort",
    "budget": "cost money limit spend cap price",
    "workload": "task type category",
    "add_backend": "provider server connect model setup",
    "set_key": "api token secret password credentials",
    "message_before": "previous jump up pointer",
    "message_after": "next jump down pointer",
    "code_before": "previous jump snippet block",
    "code_after": "next jump snippet block",
    "save_code": "write download file snippet",
    "pipe_code": "run execute shell command snippet",
    "quote": "reply cite blockquote",
    "raw": "markdown source plain text",
    "fold_message": "collapse expand shorten long",
    "copy_reply": "clipboard yank answer",
    "copy_code": "clipboard yank snippet fence",
    "links": "url open browser website",
    "toggle_thinking": "reasoning thoughts fold unfold collapse",
    "toggle_panel": "statistics stats sidebar speed cost latency side",
    "read": "scroll focus transcript navigate browse",
    "leave": "focus transcript normal mode",
    "find": "search words grep",
    "theme": "colors colour dark light appearance skin",
    "settings": "preferences options configuration customize",
    "help": "keys shortcuts bindings keyboard manual",
    "suspend": "background shell job",
    "quit": "exit close leave end bye",
}


def rank(query: str, action: Action) -> float:
    """How well the query's words name the action; 0 where one of them does not."""
    asked = query.casefold().split()
    asked = [word for word in asked if word not in _FILLERS] or asked
    title = _words(action.title)
    others = {*_words(action.help), *_words(" ".join(action.names)), *OTHER_WORDS.get(action.id, "").split()}
    ranks = [_rank(word, title, others) for word in asked]
    return sum(ranks) + len(ranks) / len(title) if all(ranks) else 0.0  # the shorter title is the better one


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.casefold()).split()


def _rank(word: str, title: list[str], others: set[str]) -> float:
    if word in title:
        return 4.0
    if any(one.startswith(word) for one in title):
        return 3.0
    if word in others or "".join(one[0] for one in title).startswith(word):
        return WORD
    if any(one.startswith(word) for one in others):
        return 1.5
    if len(word) > 2 and any(word in one for one in (*title, *others)):
        return 1.0
    return 0.5 if len(word) > 3 and get_close_matches(word, [*title, *others], 1, _ALIKE) else 0.0
