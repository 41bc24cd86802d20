"""Every action of the chat, once: keys, palette, slash commands, footer, help and docs/keys.md come from this table."""

from __future__ import annotations

from typing import NamedTuple


class Action(NamedTuple):
    """One thing the user can do; what `where` names has a method `action_<id>`."""

    id: str
    keys: tuple[str, ...]  # Textual's names, unless a keymap says otherwise
    title: str
    help: str
    footer: str = ""  # a word for the footer; "": not there
    where: str = "chat"  # composer | chat | transcript | app; a transcript's keys work while it has the focus
    in_palette: bool = True  # and a slash command
    slash: str = ""  # its names after a slash, the first one shown, and what may follow; "": its id

    @property
    def names(self) -> tuple[str, ...]:
        """After a slash; none for what the palette does not have either."""
        names, _, _ = (self.slash or self.id.replace("_", "-")).partition(" [")
        return tuple(names.split()) if self.in_palette else ()

    @property
    def argument(self) -> str:
        """What may follow, such as [TITLE]; "": nothing."""
        return "".join(self.slash.partition(" [")[1:]).strip()


GROUPS: dict[str, tuple[Action, ...]] = {
    "Message": (
        Action("send", ("enter",), "Send", "Send to where the line above says", "", "composer", False),
        Action("newline", ("shift+enter", "ctrl+j", "alt+enter"), "New line", "Break the line", "", "composer", False),
        Action("send_to", ("ctrl+s",), "Send this message to…", "Choose another place for this one message"),
        Action("stop", ("escape",), "Stop the reply", "Stop the running reply; what came stays", "stop"),
        Action("undo", ("ctrl+underscore", "alt+z"), "Undo typing", "Take back the last change", "", "composer", False),
        Action("redo", ("alt+y",), "Redo typing", "Make it again", "", "composer", False),
        Action("recall", ("up",), "Your last message again", "In an empty composer; Up and Down go on", "", "composer"),
        Action(
            "history",
            ("alt+p",),
            "What you have said…",
            "In any chat: find it, to say it again",
            slash="history [WORDS]",
        ),
        Action("editor", ("alt+d",), "Write in your editor", "The draft in $VISUAL or $EDITOR, and back"),
        Action("attach", ("A",), "Attach a file…", "Or @ and its name in the message", slash="attach [FILE]"),
        Action("attachments", ("alt+j",), "What is attached…", "To open it, or take it out of the message"),
        Action(
            "prompts",
            ("alt+q",),
            "Prompts…",
            "Of your library, filled in for the composer",
            slash="prompt prompts [NAME]",
        ),
        Action(
            "save_prompt",
            ("Q",),
            "Save as a prompt…",
            "The draft, or a message, into your library",
            slash="save-prompt [NAME]",
        ),
        Action("take_back", ("alt+up",), "Take back a waiting message", "The newest one returns to the composer"),
    ),
    "Answers": (
        Action(
            "escalate",
            ("alt+e",),
            "Ask the other side too",
            "Your last question; both answers stay",
            slash="other escalate",
        ),
        Action(
            "compare",
            ("alt+c",),
            "Compare side by side…",
            "Two to four answer at once; blind, if you like",
            slash="compare [BACKEND BACKEND… [blind]]",
        ),
        Action("answer_before", ("alt+left",), "The answer before", "Of several to a question, or another window's"),
        Action("answer_after", ("alt+right",), "The answer after", "Of several to a question, or another window's"),
        Action("ways", ("alt+w",), "What can be done…", "About a reply that failed: elsewhere, shorter"),
    ),
    "Branches": (
        Action(
            "answer_again",
            ("alt+r",),
            "Answer again…",
            "By any backend; the answers that are there stay",
            slash="again [TO [MODEL]]",
        ),
        Action(
            "edit_message",
            ("alt+u", "e"),
            "Edit your message",
            "The last, or pointed at; the old branch stays",
            slash="edit [MESSAGE]",
        ),
        Action("tree", ("alt+v",), "Tree of this chat…", "All branches; Enter goes there", slash="tree [MESSAGE]"),
        Action("fork_here", ("b",), "Fork from here", "A new chat that begins as this one", slash="fork [MESSAGE]"),
        Action(
            "delete_branch",
            ("x",),
            "Delete from here",
            "A message and what follows; can be undone",
            slash="delete-branch [MESSAGE]",
        ),
    ),
    "Chats": (
        Action("new_chat", ("ctrl+n",), "New chat", "Start an empty conversation", "new", slash="new"),
        Action(
            "new_off_record",
            ("alt+n",),
            "New chat off the record",
            "In memory only: gone when you quit",
            slash="off-record",
        ),
        Action(
            "chats",
            ("ctrl+o",),
            "Open a chat…",
            "All conversations, newest first; type to filter",
            "chats",
            slash="open chats list [NUMBER]",
        ),
        Action(
            "search",
            ("alt+o",),
            "Search everything…",
            "All that was said, as you type; with filters",
            slash="search [WORDS]",
        ),
        Action(
            "rename_chat", ("f2",), "Rename this chat…", "Give the conversation another title", slash="rename [TITLE]"
        ),
        Action(
            "star_chat",
            ("alt+x",),
            "Star this chat, or unstar it",
            "What is starred is not deleted by its age",
            slash="star",
        ),
        Action("tag_chat", ("alt+t",), "Tags of this chat…", "Words of yours, to find it by", slash="tags tag [TAGS]"),
        Action(
            "archive_chat",
            ("alt+h",),
            "Archive this chat, or not",
            "Out of the list until you write in it",
            slash="archive",
        ),
        Action("delete_chat", ("f8",), "Delete this chat", "Can be undone until you quit", slash="delete"),
        Action("undo_delete", ("f9",), "Undo the last deletion", "Bring the conversation or branch back", slash="undo"),
        Action(
            "export_chat",
            ("E",),
            "Export this chat…",
            "To a page for a browser, Markdown or JSON",
            slash="export [--branches] [FILE]",
        ),
        Action(
            "import_chats",
            ("I",),
            "Import conversations…",
            "From ChatGPT, Claude, another machine…",
            slash="import [FILE]",
        ),
    ),
    "Where it goes": (
        Action(
            "route",
            ("ctrl+r",),
            "Route of this chat…",
            "Auto, local, managed, or one backend and model",
            "route",
            slash="route [TO [MODEL]]",
        ),
        Action(
            "privacy",
            ("ctrl+l",),
            "Privacy of this chat…",
            "Local only, private or open",
            "pin",
            slash="privacy [LEVEL]",
        ),
        Action("standing", ("alt+i",), "What local means here…", "Who computes, and how that is known", "", "chat"),
        Action(
            "effort",
            ("alt+g",),
            "How much it may think…",
            "Off, low, medium, high, or as the model does",
            slash="effort [LEVEL]",
        ),
        Action(
            "tune",
            ("f12",),
            "Tune this chat…",
            "System prompt, temperature, limits…: from now on",
            slash="tune [SETTING VALUE]",
        ),
        Action("preset", ("p",), "Presets…", "Named settings of the config, for this chat", slash="preset [NAME]"),
        Action(
            "save_preset",
            ("P",),
            "Save as a preset…",
            "The settings of this chat, in the config",
            slash="save-preset [NAME]",
        ),
        Action("reasoning", ("ctrl+g",), "High reasoning on or off", "Say that the task is hard: routes may heed it"),
        Action(
            "budget", ("alt+m",), "Budgets…", "What may be spent, and what rate limits leave", slash="budget [SCOPE]"
        ),
        Action(
            "workload",
            ("f3",),
            "Kind of task…",
            "Code, summarization…: for routes and statistics",
            slash="workload [KIND]",
        ),
        Action("add_backend", ("alt+a",), "Add a backend…", "A provider of rented models, or a server"),
        Action(
            "set_key", ("alt+k",), "Key of a backend…", "Into the system's keyring, or for this session", slash="key"
        ),
    ),
    "Reading": (
        Action("message_before", ("ctrl+up", "left_square_bracket"), "The message before", "Point at it"),
        Action("message_after", ("ctrl+down", "right_square_bracket"), "The message after", "Point at it; Esc leaves"),
        Action("copy_reply", ("ctrl+y",), "Copy the last reply", "To the clipboard, over SSH too", slash="copy"),
        Action("code_before", ("left_curly_bracket",), "The code block before", "Point at it"),
        Action("code_after", ("right_curly_bracket",), "The code block after", "Point at it; Esc leaves"),
        Action("copy_code", ("f5", "c"), "Copy a code block…", "The one pointed at, or by its number"),
        Action(
            "save_code",
            ("s",),
            "Save a code block…",
            "To a file; chosen like one to copy",
            slash="save-code [FILE]",
        ),
        Action(
            "pipe_code",
            ("vertical_line",),
            "Pipe a code block…",
            "To a command of yours; asks first",
            slash="pipe-code [COMMAND]",
        ),
        Action("details", ("d",), "Details of a reply…", "Its time, tokens, cost, route, request, attempts"),
        Action("quote", ("q",), "Quote in the draft", "What is selected, or pointed at", slash="quote [MESSAGE]"),
        Action("raw", ("r",), "Raw or rendered", "Messages as they were written, and back"),
        Action("fold_message", ("z",), "Fold a long message", "To its first lines, and back", slash="fold"),
        Action("links", ("alt+l",), "Links of this reply…", "Where they lead; to copy, or to open"),
        Action(
            "toggle_thinking",
            ("ctrl+t",),
            "Show or hide thinking",
            "Unfold the model's thinking, or fold it",
            slash="thinking",
        ),
        Action(
            "toggle_panel",
            ("f4",),
            "Show or hide the comparison",
            "Local and managed side by side",
            slash="panel stats",
        ),
        Action("read", ("f7",), "Read with the keys", "To the transcript, and back; Tab does the same"),
        Action("leave", (), "Leave the composer", "To the transcript, where letters are keys too"),
        Action(
            "find",
            ("ctrl+f", "slash"),
            "Find in this chat…",
            "Marks the words; Enter goes to the next",
            slash="find [WORDS]",
        ),
        Action("end", ("ctrl+end",), "To the end", "Scroll to the newest line and follow it", in_palette=False),
    ),
    "In the transcript": (
        Action("write", ("i",), "Write", "Back to the composer", in_palette=False),
        Action("scroll_up", ("up",), "A line up", "With a caret, that goes up", "", "transcript", False),
        Action("scroll_down", ("down",), "A line down", "With a caret, that goes down", "", "transcript", False),
        Action("find_next", ("n",), "The next hit", "Of what was found", "", "transcript"),
        Action("find_before", ("N",), "The hit before", "Of what was found", "", "transcript"),
        Action("page_up", ("pageup",), "A page up", "From the composer too", "", "transcript", False),
        Action("page_down", ("pagedown",), "A page down", "From the composer too", "", "transcript", False),
        Action("scroll_home", ("home",), "To the beginning", "With a caret, that of its line", "", "transcript", False),
        Action("scroll_end", ("end",), "To the end of all", "With a caret, that of its line", "", "transcript", False),
        Action(
            "caret",
            ("v",),
            "Select with keys",
            "A caret; Shift+arrows or v again select",
            "",
            "transcript",
            slash="select",
        ),
        Action(
            "copy",
            ("y", "ctrl+c", "super+c"),
            "Copy the selection",
            "Or the message pointed at",
            "",
            "transcript",
            False,
        ),
        Action("select_all", ("ctrl+a",), "Select everything", "The whole conversation", "", "transcript"),
        Action(
            "fold",
            ("t",),
            "Fold or unfold thinking",
            "Of the message pointed at, or in sight",
            "",
            "transcript",
            slash="fold-thinking",
        ),
        Action("fold_all", ("T",), "Fold or unfold all thinking", "Of what comes, too", "", "transcript"),
    ),
    "Program": (
        Action("theme", ("f6",), "Theme…", "Colours of the screen", slash="theme [NAME]"),
        Action("settings", ("alt+s",), "Settings…", "What the config says and means, to change it"),
        Action("commands", ("ctrl+p", "f10"), "Command palette", "Find anything by its name", "menu", "app", False),
        Action(
            "help",
            ("f1", "question_mark"),
            "Help",
            "What can be done here, and its keys",
            "help",
            "app",
            slash="help ?",
        ),
        Action("suspend", ("ctrl+z",), "Suspend", "Back to the shell; fg returns", where="app"),
        Action("quit", ("ctrl+q",), "Quit", "End the program; nothing is lost", "quit", "app", slash="quit exit"),
    ),
}

ACTIONS: tuple[Action, ...] = tuple(action for actions in GROUPS.values() for action in actions)
BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}

_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "end": "End",
    "home": "Home",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "space": "Space",
    "tab": "Tab",
    "backspace": "Backspace",
    "delete": "Delete",
    "insert": "Insert",
}


def key_name(key: str) -> str:
    """A key as a person reads it: `ctrl+shift+n` → Ctrl+Shift+N."""
    *modifiers, last = key.split("+")
    if not modifiers and len(last) == 1:
        return last
    name = _NAMES.get(last) or (character_of(last) or last).upper()
    return "+".join([*(modifier.title() for modifier in modifiers), name])


def character_of(key: str) -> str | None:
    """What a key types; None for one that types nothing: with Ctrl or Alt, F5, Esc."""
    from textual.keys import REPLACED_KEYS, key_to_character  # the table itself is read without a screen too

    character = key_to_character(REPLACED_KEYS.get(key, key))
    return character if character is not None and character.isprintable() else None


def short_key(key: str) -> str:
    """The same for the footer, where room is scarce: Ctrl+N → ^N."""
    return key_name(key).replace("Ctrl+", "^")
