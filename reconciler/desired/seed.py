"""What a guest's cloud-init reads when it sets the guest up: the files of a NoCloud seed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITS = 12
"""Of the hash in a seed's name: enough to tell two seeds of one domain apart."""


@dataclass(frozen=True, slots=True)
class Seed:
    """The files, and the number of the instance that they make. They may hold passwords: only the hash is ever shown.

    Source: cloud-init's documentation of the NoCloud datasource.
    """

    user_data: str = field(repr=False)
    meta_data: str = field(repr=False)
    network_config: str = field(default="", repr=False)
    """Empty: cloud-init configures the network by itself."""
    instance: int = 1

    @property
    def files(self) -> Mapping[str, bytes]:
        """By the names that cloud-init looks for."""
        texts = {"user-data": self.user_data, "meta-data": self.meta_data, "network-config": self.network_config}
        return {name: text.encode() for name, text in texts.items() if text or name != "network-config"}

    @property
    def digest(self) -> str:
        """Of the inputs; each is hashed apart, so that no two seeds run into one."""
        parts = [
            hashlib.sha256(text.encode()).digest() for text in (self.user_data, self.meta_data, self.network_config)
        ]
        return hashlib.sha256(b"".join(parts)).hexdigest()[:DIGITS]
