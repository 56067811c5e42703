"""One XML part, read as a stream: no document type, no entities, bounded depth.

Expat itself expands nothing here: a document type declaration ends the reading before any entity is declared.
"""

from collections.abc import Callable, Iterable
from xml.parsers import expat

from carbonport.errors import Malformed
from carbonport.footprint.intake.workbook_bounds import MAX_DEPTH

Attributes = dict[str, str]


def stream_part(
    chunks: Iterable[bytes],
    place: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    text: Callable[[str], None] | None = None,
    *,
    whole: bool = True,
) -> None:
    """Calls `start`, `end` and `text` for the elements of a part; names arrive without their namespace.

    Elements of other namespaces than the root's arrive with theirs (`uri name`), so that they match nothing.
    `place` names the part in errors; `whole=False` accepts a part that is cut off.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0
    prefix = ""
    local_names: dict[str, str] = {}

    def on_start(tag: str, attributes: Attributes) -> None:
        nonlocal depth, prefix
        depth += 1
        name = local_names.get(tag)
        if name is None:
            if depth == 1:
                prefix = tag.rpartition(" ")[0] + " " if " " in tag else ""
            name = local_names[tag] = tag.removeprefix(prefix)
        if depth > MAX_DEPTH:
            raise _not_xml(place, f"elements nested deeper than {MAX_DEPTH}")
        start(name, attributes)

    def on_end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        end(local_names[tag])

    def on_document_type(*_: object) -> None:
        raise Malformed(
            "intake-document-type",
            found="a document type declaration",
            expected="XML without one: a workbook never needs it, attacks do",
            remedy="This was not written by a spreadsheet program; ask where the file comes from.",
            where=place,
        )

    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.StartDoctypeDeclHandler = on_document_type
    parser.EntityDeclHandler = on_document_type
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        if whole:
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        if expat.errors.messages[error.code] == expat.errors.XML_ERROR_NO_MEMORY:
            raise MemoryError from None
        raise _not_xml(place, f"{expat.ErrorString(error.code)} in line {error.lineno}") from None


def _not_xml(place: str, found: str) -> Malformed:
    return Malformed(
        "intake-xml",
        found=found,
        expected="well-formed XML of bounded depth",
        remedy="Open the workbook in the spreadsheet program and save it anew.",
        where=place,
    )
