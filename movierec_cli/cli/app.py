"""The program with all its commands, for whoever runs several in one process."""

from movierec_cli.cli.program import make_app

app = make_app()
