"""A floor for `validate`: the same modules, and the C parser over the same files, which says nothing of what they mean.

`python parser.py DIRECTORY`
"""

import gc
import sys
from pathlib import Path

gc.disable()  # the least that any program needs

from _ruamel_yaml import CParser, StreamEndEvent  # type: ignore[import-not-found]  # noqa: E402

import reconciler.cli.app  # noqa: E402
import reconciler.cli.validate  # noqa: E402
import reconciler.load  # noqa: E402, F401


def parse(text: bytes) -> None:
    """Every event of one file."""
    parser = CParser(text)
    while not isinstance(parser.get_event(), StreamEndEvent):
        pass


if __name__ == "__main__":
    for file in Path(sys.argv[1]).iterdir():
        parse(file.read_bytes())
