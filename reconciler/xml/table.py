"""The table: each field of a document once, with its place in libvirt's XML. A new field is one line here.

read(), wanted() and merge() all go by it; so do the tests, which fail where no case exercises a line.
"""

from reconciler.xml.field import TEXT, Field
from reconciler.xml.kinds import BUS, CPU, FORWARD, MAC, MEMORY, NETWORK, VCPUS

DOMAIN = (
    Field("vcpus", "vcpu", VCPUS),
    Field("memory", "memory", MEMORY),
    Field("cpu", "cpu", CPU),
)

DISK = (
    Field("bus", "target/@bus", BUS),
    Field("format", "driver/@type", TEXT, absent="raw", once=True),
    Field("cache", "driver/@cache", TEXT, absent="default"),
)
"""`format`, like the source, belongs to the file: a snapshot tool may have put a qcow2 overlay on a raw disk."""

INTERFACE = (
    Field("network", "source/@network", NETWORK),
    Field("mac", "mac/@address", MAC),
    Field("model", "model/@type", TEXT),
)

POOL = (
    Field("type", "@type", TEXT),
    Field("source_host", "source/host/@name", TEXT),
    Field("source_dir", "source/dir/@path", TEXT),
    Field("target", "target/path", TEXT),
)

NET = (
    Field("forward", "forward/@mode", FORWARD, absent="isolated"),
    Field("bridge", "bridge/@name", TEXT),
)
