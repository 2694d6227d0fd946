"""Reading and checking the documents: YAML files to `Desired`, or every problem at once.

Reads twice until nothing changes, parses with one parser, checks each document by its model, then all of them together.
Opens files below the directory only; contacts nothing.
"""

from reconciler.load.edit import Location, locate, set_cordoned
from reconciler.load.loading import load
from reconciler.load.reading import Cache
from reconciler.load.words import lines

__all__ = ["Cache", "Location", "lines", "load", "locate", "set_cordoned"]
