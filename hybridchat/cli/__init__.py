"""The command line: argv → call → print. Data on stdout, talk on stderr; one file per command, loaded when called."""
