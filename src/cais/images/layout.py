"""What an OCI image layout is made of (image-layout.md), wherever it lies: a folder, a tar file, the store itself."""

from __future__ import annotations

from collections.abc import Sequence

from cais.digest import Digest, hex_of, parse_digest
from cais.errors import InvalidImage, NotFoundError, Problem, UsageError, printable
from cais.images.index import NAME_ANNOTATION, TAG_ANNOTATION, Index, IndexEntry
from cais.images.reference import Reference, parse_reference


def blob_name(digest: Digest) -> str:
    """Where a blob lies, relative to the layout."""
    return f"blobs/{digest.partition(':')[0]}/{hex_of(digest)}"


def entry_name(entry: IndexEntry) -> str:
    """The whole name of an image in index.json; "" where it has none, or a tag alone."""
    annotations = entry.annotations or {}
    tag = annotations.get(TAG_ANNOTATION, "")
    # The second is a tag alone by the specification; Podman puts the whole name there.
    return annotations.get(NAME_ANNOTATION, "") or (tag if "/" in tag or ":" in tag else "")


def name_annotations(name: str) -> dict[str, str]:
    """How index.json says that an image is called `name`: a whole name, or a word that is a tag alone."""
    reference = as_reference(name)
    if reference is None:
        return {TAG_ANNOTATION: name} if name else {}
    return {NAME_ANNOTATION: str(reference), TAG_ANNOTATION: reference.tag}


def as_reference(name: str) -> Reference | None:
    """`name` as a whole name; None for a word that is a tag alone. Raises UsageError for what looks whole and is not."""
    return parse_reference(name) if "/" in name or ":" in name else None


def find_entry(index: Index, name: str, where: str) -> IndexEntry:
    """The image that is called `name`, or with "" the only one. Raises NotFoundError that says what there is, UsageError."""
    if not index.manifests:
        raise InvalidImage([Problem(f'"{where}" holds no image')])
    if not name:
        # One image under several names is still one.
        if len({entry.digest for entry in index.manifests}) > 1:
            raise UsageError(f'"{where}" holds several images', hint=f"name one of: {_names(index.manifests)}")
        return index.manifests[0]
    reference = as_reference(name)
    for entry in index.manifests:
        annotations = entry.annotations or {}
        if annotations.get(TAG_ANNOTATION) == name or (reference is not None and _is_called(entry, reference)):
            parse_digest(entry.digest)
            return entry
    raise NotFoundError(f'"{where}" holds no image named "{name}"', hint=f"there is: {_names(index.manifests)}")


def _is_called(entry: IndexEntry, reference: Reference) -> bool:
    name = entry_name(entry)
    try:
        return bool(name) and parse_reference(name) == reference
    except UsageError:  # whatever somebody wrote there: it is not this one
        return False


def _names(entries: Sequence[IndexEntry]) -> str:
    names = [entry_name(entry) or (entry.annotations or {}).get(TAG_ANNOTATION, "") for entry in entries]
    return printable(", ".join(name or "(without a name)" for name in names)[:500])
