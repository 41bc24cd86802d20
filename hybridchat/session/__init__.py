"""One turn: plan, guard, attempt, record. Whatever the screen and the command line do, they do through here."""
