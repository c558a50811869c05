"""One thin module a command: options in, one library call, output."""
