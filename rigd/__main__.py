"""``python -m rigd`` is the command line."""

from rigd.cli.app import main

if __name__ == "__main__":
    main()
