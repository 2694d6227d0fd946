"""An explanation for people and for scripts."""

from typing import Any

from reconciler.show.safe import safe
from reconciler.show.style import columns, paint
from reconciler.status.why import Reason, Why

TITLES = {
    "where": "where it is",
    "guest": "guests",
    "rejected": "hosts that cannot take it",
    "drain": "were it cordoned now",
    "advice": "what would make room",
    "wrong": "conditions that do not hold",
    "held": "held",
    "pending": "what the next pass would do",
}


def why_text(explained: Why, *, color: bool = False) -> str:
    """The object's state, then the reasons by topic."""
    one = explained.status
    where = f" at {safe(one.where)}" if one.where and one.object.kind == "domain" else ""
    blocks = [paint(f"{safe(one.object)}: {one.state}{where}", "bold", color=color)]
    for topic, title in TITLES.items():
        reasons = [reason for reason in explained.reasons if reason.topic == topic]
        if reasons:
            blocks.append("\n".join([f"{title}:", *_lines(reasons)]))
    return "\n\n".join(blocks)


def _lines(reasons: list[Reason]) -> list[str]:
    return [f"  {line}" for line in columns((safe(r.object), safe(r.reason), safe(r.message)) for r in reasons)]


def why_json(explained: Why) -> dict[str, Any]:
    """The reasons as scripts read them; every key is always there."""
    one = explained.status
    return {
        "schemaVersion": 1,
        "object": str(one.object),
        "state": one.state,
        "where": one.where,
        "reasons": [
            {"topic": r.topic, "object": str(r.object), "reason": r.reason, "message": r.message}
            for r in explained.reasons
        ],
    }
