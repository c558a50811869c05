"""`python -m movierec_cli`."""

from movierec_cli.cli.program import main

main()
