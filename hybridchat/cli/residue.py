"""`hybridchat audit --residue`: where a text still is in our files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hybridchat.cli import output
from hybridchat.cli.prompt import read_stdin
from hybridchat.errors import EXIT_FAILED, EXIT_OK, UsageError


def look_for(text: str, *, as_json: bool) -> int:
    """Prints the places; returns the exit code. The text itself is never printed. Raises UsageError."""
    from hybridchat.ledger import residue
    from hybridchat.paths import find_paths

    if text == "-":  # neither the shell's history nor the list of processes shows it then
        text = read_stdin()
    text = text.removeprefix("\ufeff").strip()  # what an editor puts around it
    if not text:
        raise UsageError("there is no text to look for", "give one, or - and pipe it in")
    if "\ufffd" in text:  # what could not be read would be found nowhere
        raise UsageError("the text has characters that are not UTF-8", "give a piece without them")
    if len(text) > residue.LONGEST:
        raise UsageError(f"the text has {len(text):,} characters", f"a piece of at most {residue.LONGEST} is enough")
    paths = find_paths()
    left_behind = Path(tempfile.gettempdir()).glob("hybridchat-*")  # by a proof or an engine that was killed
    ours = (paths.config_dir, paths.data_dir, paths.backups_dir, paths.logs_dir, paths.run_dir)  # each may be a link
    searched = residue.search(text, (*ours, *left_behind), without=paths.models_dir)
    if as_json:
        output.json(searched)
    else:
        output.table(("file", "where"), [(found.file, found.where) for found in searched.found])
        for place in searched.only_bytes:
            output.note(f"{place} is too damaged to be asked; its bytes were searched")
        for place in searched.unreadable:
            output.note(f"not searched: {place}")
        if not searched.found:
            output.note(f"in none of {searched.files:,} files; not looked at: {paths.models_dir} (models)")
    return EXIT_FAILED if searched.found or searched.unreadable else EXIT_OK
