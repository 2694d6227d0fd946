"""Plans, reports, status, explanations as text and JSON. Outside text is made safe here, once. Pure.

`reconciler.show.plan_text` and its like are loaded when first used: `--help` needs only `safe`, not the models.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler.show.safe import safe

if TYPE_CHECKING:
    from reconciler.show.plan import plan_json, plan_text
    from reconciler.show.report import report_json, report_text
    from reconciler.show.status import conditions_text, status_json, status_text
    from reconciler.show.why import why_json, why_text

_HOMES = {
    "plan_json": "plan",
    "plan_text": "plan",
    "report_json": "report",
    "report_text": "report",
    "conditions_text": "status",
    "status_json": "status",
    "status_text": "status",
    "why_json": "why",
    "why_text": "why",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "conditions_text",
    "plan_json",
    "plan_text",
    "report_json",
    "report_text",
    "safe",
    "status_json",
    "status_text",
    "why_json",
    "why_text",
]
