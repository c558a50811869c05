"""`python -m movierec_cli`."""

from movierec_cli.cli.app import main

main()
