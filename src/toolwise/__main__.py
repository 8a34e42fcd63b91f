"""`python -m toolwise`."""

from toolwise.cli.app import main

if __name__ == "__main__":
    main()
