"""The command line: one thin module a command. It parses, calls the library and prints."""
