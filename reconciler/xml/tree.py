"""Text to tree and back, and edits that leave the neighbours as they stand."""

from lxml import etree

from reconciler.errors import ReconcilerError
from reconciler.xml.order import comes_later

Element = etree._Element

_READER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    huge_tree=False,
    collect_ids=False,
    encoding="utf-8",
    remove_comments=True,
    remove_pis=True,
)
_EDITOR = etree.XMLParser(
    resolve_entities=False, no_network=True, huge_tree=False, collect_ids=False, encoding="utf-8", strip_cdata=False
)


class XmlError(ReconcilerError):
    """Text that is not the XML it should be."""


def parse(xml: str) -> Element:
    """The root, for reading: without comments. Raises: XmlError."""
    return _parse(xml, _READER)


def parse_for_edit(xml: str) -> Element:
    """The root, with all that stands in `xml`. Raises: XmlError."""
    return _parse(xml, _EDITOR)


def _parse(xml: str, parser: etree.XMLParser) -> Element:
    try:
        return etree.fromstring(xml.encode(), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        raise XmlError(f"cannot read XML: {error}") from None


def render(root: Element) -> str:
    """The whole document, with what stands beside the root."""
    return etree.tostring(root.getroottree(), encoding="unicode")


def fragment(node: Element) -> str:
    """One element, as libvirt's calls about a single device take it."""
    return etree.tostring(node, encoding="unicode", with_tail=False)


def text_of(node: Element) -> str:
    """Its own text, without blanks around it; comments within do not count."""
    tails = "".join(inner.tail or "" for inner in node)
    return ((node.text or "") + tails).strip()


def set_text(node: Element, text: str) -> None:
    """Make `text` all that `node` holds."""
    empty(node)
    node.text = text


def empty(node: Element, *tags: str) -> None:
    """Remove the children named (all of them, where none is named)."""
    for inner in [inner for inner in node if not tags or inner.tag in tags]:
        remove(inner)


def remove(node: Element) -> None:
    """Take `node` out, with the blanks before it."""
    parent = node.getparent()
    assert parent is not None
    before = node.getprevious()
    if node.getnext() is None and before is not None:
        before.tail = node.tail
    elif node.getnext() is None:
        parent.text = None
    parent.remove(node)


def child(owner: Element, tag: str) -> Element | None:
    """The first child of that tag: find() in half the time."""
    return next(owner.iterchildren(tag), None)


def reach(owner: Element, *tags: str) -> Element:
    """The element below `owner`, tag by tag; what is missing on the way is made."""
    for tag in tags:
        found = child(owner, tag)
        owner = insert(owner, etree.Element(tag)) if found is None else found
    return owner


def insert(parent: Element, new: Element) -> Element:
    """Put `new` after its like, else before what libvirt writes after it, else last."""
    alike = [i for i, there in enumerate(parent) if there.tag == new.tag]
    if alike:
        return insert_at(parent, new, alike[-1] + 1)
    later = comes_later(str(parent.tag), str(new.tag))
    position = next((i for i, there in enumerate(parent) if there.tag in later), len(parent))
    return insert_at(parent, new, position)


def insert_at(parent: Element, new: Element, position: int) -> Element:
    """Put `new` at `position` among its parent's children, indented as libvirt does."""
    level = sum(1 for _ in parent.iterancestors())
    inner, outer = "\n" + "  " * (level + 1), "\n" + "  " * level
    etree.indent(new, level=level + 1)
    if len(parent) == 0:
        parent.text = inner if not (parent.text or "").strip() else parent.text
        new.tail = outer
    elif position == len(parent):
        new.tail, parent[-1].tail = parent[-1].tail, inner
    else:
        new.tail = inner
    parent.insert(position, new)
    return new


def element(tag: str, **attributes: str) -> Element:
    """A new element; attributes in the order given."""
    made = etree.Element(tag)
    for name, value in attributes.items():
        made.set(name, value)
    return made
