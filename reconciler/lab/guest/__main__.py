"""The command `python -m reconciler.lab.guest OUT.qcow2`."""

import argparse
import sys
from pathlib import Path

from reconciler.lab.guest import GuestImageError, make_image


def main() -> int:
    """Build the image named on the command line; 0 is done, 1 is not."""
    parser = argparse.ArgumentParser(prog="python -m reconciler.lab.guest", description="Build the lab's guest disk.")
    parser.add_argument("out", type=Path, metavar="OUT.qcow2", help="the disk image to write")
    try:
        make_image(parser.parse_args().out, lambda line: print(line, file=sys.stderr))
    except GuestImageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
