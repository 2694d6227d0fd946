"""Stand-in for the command line until it exists: python -m reconciler.lab up|status|exec|off|on|down --name X."""

import argparse
import sys

from reconciler import lab

SEED = (
    lab.Machine("nas", "10.77.0.11", nfs_server=True, directories=("/srv/images",)),
    lab.Machine("hv1", "10.77.0.12", hypervisor=True, bridges=("br0",)),
    lab.Machine("hv2", "10.77.0.13", hypervisor=True, bridges=("br0",)),
)


def main() -> int:
    """Read the words and call the lab."""
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(prog="reconciler.lab")
    parser.add_argument("command", choices=["up", "status", "exec", "off", "on", "down"])
    parser.add_argument("host", nargs="?")
    parser.add_argument("--name", required=True)
    parser.add_argument("--on")
    parser.add_argument("--spec-from-example", action="store_true")
    given = parser.parse_args(words[:cut])

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    try:
        match given.command:
            case "up":
                lab.up(lab.LabSpec(given.name, SEED), say)
            case "down":
                lab.down(given.name, say)
            case "status":
                print(lab.status(given.name))
            case "exec":
                return lab.exec_(given.name, words[cut + 1 :], on=given.on)
            case "off":
                lab.off(given.name, given.host, say)
            case "on":
                lab.on(given.name, given.host, say)
    except lab.LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
