"""A seed as the image of a medium that cloud-init finds by its label. Pure: the same files are the same bytes."""

import io
from collections.abc import Mapping

from pycdlib import PyCdlib
from pycdlib.dates import DirectoryRecordDate
from pycdlib.dr import DirectoryRecord

LABEL = "cidata"
"""By which cloud-init's NoCloud datasource knows a medium."""
SECTOR = 2048
DESCRIPTORS = (16, 17)
"""Sectors of the two volume descriptors, the plain one and Joliet's (ECMA-119, 6.7)."""
VOLUME_DATES = (813, 830, 864)
"""Offsets in a volume descriptor: made, modified, effective (ECMA-119, 8.4.26 to 8.4.29)."""
VOLUME_DATE = b"2000010100000000\0"
RECORD_DATE = b"\x64\x01\x01\x00\x00\x00\x00"
"""The same moment as directories write it: years since 1900, month, day (ECMA-119, 9.1.5)."""


def iso(files: Mapping[str, bytes], label: str = LABEL) -> bytes:
    """An ISO 9660 image with Rock Ridge and Joliet names; the dates in it are fixed."""
    image = PyCdlib()
    image.new(interchange_level=3, vol_ident=label, rock_ridge="1.09", joliet=3)
    for name, content in files.items():
        plain = name.upper().replace("-", "_")
        image.add_fp(io.BytesIO(content), len(content), f"/{plain}.;1", rr_name=name, joliet_path=f"/{name}")
    for volume in filter(None, (image.pvd, image.joliet_vd)):
        root = volume.root_dir_record
        for record in (root, *root.children):
            _date(record)
    written = io.BytesIO()
    image.write_fp(written)
    image.close()
    return _dated(written.getvalue())


def _date(record: DirectoryRecord) -> None:
    """Fix the dates that a directory's record says of one file."""
    moment = DirectoryRecordDate()
    moment.parse(RECORD_DATE)
    record.date = moment
    extension = record.rock_ridge
    entries = (extension.dr_entries, extension.ce_entries) if extension else ()
    for stamps in (entry.tf_record for entry in entries if entry and entry.tf_record):
        for name in ("access_time", "modification_time", "attribute_change_time"):
            setattr(stamps, name, moment)


def _dated(image: bytes) -> bytes:
    """The image with the dates of its volume descriptors fixed: those are taken from the clock as it is written."""
    fixed = bytearray(image)
    for sector in DESCRIPTORS:
        for offset in VOLUME_DATES:
            at = sector * SECTOR + offset
            fixed[at : at + len(VOLUME_DATE)] = VOLUME_DATE
    return bytes(fixed)
