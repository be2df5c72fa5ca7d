"""The command line: verbs, errors without traceback, exit codes."""
