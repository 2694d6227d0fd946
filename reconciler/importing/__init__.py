"""Documents for what is there and has none: looked at, written as YAML says it, and valid beside the others."""

from reconciler.importing.discover import Imported, discover
from reconciler.importing.selection import Selection

__all__ = ["Imported", "Selection", "discover"]
