"""`reconcile`, and `python -m reconciler`."""

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code.

    Modules are loaded without the collector and never looked at by it: a third of a short run's time would go there.
    """
    gc.disable()
    from reconciler.cli.app import run

    gc.freeze()
    gc.enable()
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
