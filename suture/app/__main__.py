"""`python -m suture.app` is the command line."""

from suture.app.cli import main

main()
