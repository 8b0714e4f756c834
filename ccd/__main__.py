"""`python -m ccd` is `ccd`."""

from ccd.cli import main

if __name__ == "__main__":
    main()
