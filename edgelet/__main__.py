"""`python -m edgelet` is the `edgelet` command."""

import sys

from edgelet.cli import main

if __name__ == "__main__":
    sys.exit(main.run())
