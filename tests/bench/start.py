"""Commands that reach no machine, as whole processes: `--help`, and `validate` of many documents."""

from pathlib import Path

from tests.bench.cloud import PYTHON, RECONCILE, SHARED, domain_documents, host_document, split, write_documents
from tests.bench.process import whole
from tests.bench.table import Row, over, row

DOCUMENTS = 500
CLICK = "import click\n@click.command()\ndef cli():\n    'Help.'\ncli(['--help'])"
PARSER = str(Path(__file__).with_name("parser.py"))
HELP_TARGETS, VALIDATE_TARGETS = (1.3, 1.1), (2.0, 1.4)


def measure(scratch: Path, rounds: int) -> list[Row]:
    """Rows of each command after its floor's."""
    host = host_document("hv1", "10.77.0.12", "qemu+tcp://hv1/system")
    shared = split(SHARED, "shared")
    guests = split(domain_documents(DOCUMENTS - len(shared) - 1), "guest")
    documents = str(write_documents(scratch / "validated", {"host.yaml": host, **shared, **guests}))
    help_, validate = [RECONCILE, "--help"], [RECONCILE, "validate", "-C", documents]
    contenders = (
        ("help", "click alone", [PYTHON, "-c", CLICK], help_, HELP_TARGETS),
        (f"validate {DOCUMENTS}", "C parser, same imports", [PYTHON, PARSER, documents], validate, VALIDATE_TARGETS),
    )
    rows: list[Row] = []
    for work, name, bare, ours, targets in contenders:
        turns = [
            [{**whole(argv, scratch / "bytecode"), "libvirtd": 0.0} for argv in (bare, ours)] for _ in range(rounds)
        ]
        floor, product = row(work, name, [a for a, _ in turns]), row(work, "reconcile", [b for _, b in turns])
        rows += [floor, over(product, floor, None, targets)]
    return rows
