"""Which files the sources of a COPY name, and the digest of what they are (Dockerfile reference, COPY, ADD)."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Sequence

import msgspec

from cais.build.tree import Entry, Tree
from cais.dockerfile.ignorefile import IgnoreMatcher
from cais.dockerfile.ignorefile import parse as parse_patterns
from cais.dockerfile.pathpattern import regex
from cais.dockerfile.suggest import nearest
from cais.errors import BuildError, InvalidDockerfile, Problem, Span

_WILDCARD = re.compile(r"\\.|[*?\[]")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What to take: patterns as written, patterns of what to leave out, and whether the folders above come along."""

    sources: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    parents: bool = False


class Item(msgspec.Struct, frozen=True):
    """Something to be copied: where it goes, below its match's place ("" for the match itself), and what it is."""

    target: str
    entry: Entry


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a source names. `name` is the last part of the path as written (or as matched).

    `items` begin with the match itself, each folder before what is in it. With `parents` (--parents) `name` is the whole path that comes
    along, and `wrapped` are the folders above it.
    """

    name: str
    items: tuple[Item, ...]
    parents: bool = False
    wrapped: tuple[Item, ...] = ()

    @property
    def entry(self) -> Entry:
        """The match itself."""
        return self.items[0].entry


def select(tree: Tree, selection: Selection, span: Span) -> tuple[Match, ...]:
    """Everything `selection` names in `tree`. Raises BuildError for a source that is not there (a wildcard may match nothing)."""
    excluded = _matcher(selection.exclude, span)
    matches: list[Match] = []
    for source in selection.sources:
        if selection.parents:
            matches.extend(_with_parents(tree, source, excluded, span))
        else:
            matches.extend(_plain(tree, source, excluded, span))
    return tuple(matches)


def digest_matches(tree: Tree, matches: Sequence[Match]) -> str:
    """The sha256 of everything that makes the copies: names, types, modes, owners, content, attributes; no times."""
    hasher = hashlib.sha256()
    for match in matches:
        hasher.update(b"match\0" + os.fsencode(match.name) + b"\0")
        for item in (*match.wrapped, *match.items):
            hasher.update(_item_line(tree, item, keep_top=match.parents))
    return hasher.hexdigest()


def file_digests(tree: Tree, matches: Sequence[Match], limit: int) -> dict[str, str]:
    """A short digest for each of the first `limit` files, by path: what tells later which file has changed."""
    found: dict[str, str] = {}
    for match in matches:
        for item in match.items:
            if len(found) >= limit:
                return found
            if not item.entry.is_folder:
                line = _item_line(tree, item, keep_top=match.parents)
                found[_printable(item.entry.path)] = hashlib.sha256(line).hexdigest()[:12]
    return found


def _item_line(tree: Tree, item: Item, *, keep_top: bool) -> bytes:
    entry = item.entry
    if entry.is_folder and not item.target and not keep_top:
        return b"folder\n"  # its content is copied, not itself
    mode = entry.mode
    if stat.S_ISREG(mode):
        content = tree.digest(entry)
    elif stat.S_ISLNK(mode):
        content = os.fsencode(tree.link_target(entry))
        mode = stat.S_IFLNK
    else:
        content = b"%d" % entry.device if not entry.is_folder else b""
    line = b"%b\0%o %d %d\0%b\n" % (os.fsencode(item.target), mode, entry.uid, entry.gid, content)
    if not tree.is_context:
        for name, value in tree.attributes(entry).items():
            line += b"%b=%b\0" % (name.encode(), value)
    return line


def _plain(tree: Tree, source: str, excluded: IgnoreMatcher | None, span: Span) -> Iterator[Match]:
    path = clean(source)
    if not has_wildcard(source):
        found = tree.resolve(path)
        if found is None:
            raise _missing(tree, source, path, span)
        name = posixpath.basename(path)
        if excluded is None or found.is_folder or not excluded.ignores(name):
            yield _match(tree, found, name, excluded)
        return
    for one in _glob(tree, path):
        if excluded is not None and excluded.ignores(one.name):
            continue
        followed = tree.resolve(one.path) if one.is_link else one
        if followed is None:
            raise BuildError(f'the symbolic link "{one.path}" leads nowhere', span=span)
        yield _match(tree, followed, one.name, excluded)


def _with_parents(tree: Tree, source: str, excluded: IgnoreMatcher | None, span: Span) -> Iterator[Match]:
    """With --parents a source's folders come along, from behind a `/./` if it has one."""
    before, pivot, after = source.partition("/./")
    base = clean(before) if pivot else ""
    rest = clean(after if pivot else source)
    found_any = False
    for one in _glob_deep(tree, base, rest):
        found_any = True
        relative = one.path.removeprefix(base).lstrip("/")
        if excluded is not None and excluded.ignores(relative):
            continue
        wrapped = []
        parts = relative.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            parent = tree.entry("/".join([*([base] if base else []), *parts[:count]]))
            if parent is not None:
                wrapped.append(Item("/".join(parts[:count]), parent))
        match = _match(tree, one, relative, excluded, above=relative)
        yield msgspec.structs.replace(match, parents=bool(relative), wrapped=tuple(wrapped))
    if not found_any and not has_wildcard(source):
        raise _missing(tree, source, clean(source), span)


def _match(tree: Tree, entry: Entry, name: str, excluded: IgnoreMatcher | None, above: str = "") -> Match:
    items = [Item("", entry)]
    if entry.is_folder:
        _collect(tree, entry, "", items, excluded, above)
    return Match(name=name, items=tuple(items))


def _collect(
    tree: Tree, folder: Entry, prefix: str, items: list[Item], excluded: IgnoreMatcher | None, above: str
) -> None:
    for child in tree.children(folder.path):
        target = f"{prefix}/{child.name}" if prefix else child.name
        if excluded is not None:
            seen = f"{above}/{target}" if above else target
            if excluded.ignores(seen) and (not child.is_folder or excluded.may_skip(seen)):
                continue
        items.append(Item(target, child))
        if child.is_folder:
            _collect(tree, child, target, items, excluded, above)


def _glob(tree: Tree, path: str) -> Iterator[Entry]:
    """What `path` matches, part by part; a wildcard never crosses a slash and never follows a link."""
    plain: list[str] = []
    parts = path.split("/")
    while parts and not has_wildcard(parts[0]):
        plain.append(parts.pop(0))
    start = tree.resolve("/".join(plain))
    found = [start] if start is not None else []
    for part in parts:
        pattern = re.compile(regex(re.sub(r"\*\*+", "*", part)), re.DOTALL)
        found = [
            child
            for folder in found
            if folder.is_folder
            for child in tree.children(folder.path)
            if pattern.match(child.name)
        ]
    yield from found


def _glob_deep(tree: Tree, base: str, pattern: str) -> Iterator[Entry]:
    """What `pattern` matches below `base`; `**` crosses slashes. Nothing below a match is looked at: it belongs to it."""
    start = tree.resolve(base)
    if start is None or not start.is_folder:
        return
    if not pattern:
        yield start
        return
    matches = re.compile(regex(pattern), re.DOTALL).match
    waiting = [("", start)]
    while waiting:
        prefix, folder = waiting.pop(0)
        for child in tree.children(folder.path):
            relative = f"{prefix}/{child.name}" if prefix else child.name
            if matches(relative):
                yield child
            elif child.is_folder:
                waiting.append((relative, child))


def clean(path: str) -> str:
    """A source's path from the root of where it is taken, which `..` cannot leave."""
    return posixpath.normpath("/" + path.lstrip("/")).lstrip("/")


def has_wildcard(path: str) -> bool:
    """Whether `path` has an unescaped `*`, `?` or `[`."""
    return any(found[0] != "\\" for found in _WILDCARD.findall(path))


def _matcher(exclude: Sequence[str], span: Span) -> IgnoreMatcher | None:
    if not exclude:
        return None
    try:
        return IgnoreMatcher(parse_patterns("\n".join(exclude), "--exclude"))
    except InvalidDockerfile as error:
        raise InvalidDockerfile([Problem(problem.message, span, problem.hint) for problem in error.problems]) from error


def _missing(tree: Tree, source: str, path: str, span: Span) -> BuildError:
    where = "the build context" if tree.is_context else "the files it is taken from"
    if (
        tree.ignored is not None
        and path
        and tree.ignored.ignores(path)
        and os.path.lexists(os.path.join(tree.folder, path))
    ):
        return BuildError(
            f'"{source}" is left out of the build context by the ignore file',
            span=span,
            hint=f'add "!{path}" at the end of .dockerignore, or remove the pattern that matches it',
        )
    parent, _, name = path.rpartition("/")
    folder = tree.resolve(parent)
    names = [child.name for child in tree.children(folder.path)] if folder is not None and folder.is_folder else []
    if name in names:
        return _leads_nowhere(tree, source, path, where, span)
    near = nearest(name, names)
    hint = (
        f'did you mean "{parent + "/" if parent else ""}{near}"?' if near else f'paths are relative to "{tree.folder}"'
    )
    return BuildError(f'"{source}" is not in {where}', span=span, hint=hint if near or tree.is_context else None)


def _leads_nowhere(tree: Tree, source: str, path: str, where: str, span: Span) -> BuildError:
    """The error for a symbolic link whose target is not in the tree."""
    entry = tree.entry(path)
    target = tree.link_target(entry) if entry is not None and entry.is_link else ""
    shown = f' to "{target}"' if target else ""
    return BuildError(
        f'"{source}" is not in {where}: the symbolic link{shown} leads nowhere in it',
        span=span,
        hint="links are followed inside the context only: copy the file into it, or name another context (--build-context)",
    )


def _printable(path: str) -> str:
    return path.encode(errors="backslashreplace").decode()
