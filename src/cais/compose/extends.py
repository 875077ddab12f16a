"""`extends`: a service takes what another one says, of the same file or of another, and adds its own (Compose Specification, 05-services.md, "extends")."""

from __future__ import annotations

from collections.abc import Mapping

from cais.compose.documents import Session, folder_of, load_documents, read_text
from cais.compose.forms.base import Context, absolute, is_remote
from cais.compose.merge import merge
from cais.compose.nodes import MapNode, Node, ScalarNode
from cais.errors import Span

_SERVICE = ("services", "*")
_MAX_CHAIN = 100
_Link = tuple[str, str, Span]


def extend(tree: MapNode, path: str, folder: str, env: Mapping[str, str], session: Session) -> MapNode:
    """`tree` (canonical, a document of the file `path`) with every `extends` followed and taken out. Relative paths begin at `folder`."""
    services = tree.get("services")
    if not isinstance(services, MapNode) or not any(_extends(service) for service in services.items.values()):
        return tree
    followed = _Extension(env, session)
    followed.add(path, folder, services)
    made: dict[str, Node] = {}
    for name, node in services.items.items():
        whole = followed.service(path, name, ())
        if whole is None:
            session.damaged.add(("services", name, "extends"))
        made[name] = node if whole is None else whole
    return tree.replacing({**tree.items, "services": services.replacing(made)})


def _extends(service: Node | None) -> MapNode | None:
    extends = service.get("extends") if isinstance(service, MapNode) else None
    return extends if isinstance(extends, MapNode) else None


def _value(node: MapNode, key: str) -> tuple[str, Span]:
    value = node.get(key)
    return (
        (str(value.value), value.span) if isinstance(value, ScalarNode) and value.value is not None else ("", node.span)
    )


class _Extension:
    """Follows `extends`; every file is read once and every service made once."""

    def __init__(self, env: Mapping[str, str], session: Session) -> None:
        self._env = env
        self._session = session
        self._files: dict[str, MapNode | None] = {}
        self._folders: dict[str, str] = {}
        self._made: dict[tuple[str, str], Node] = {}
        self._circular: set[tuple[str, str]] = set()

    def add(self, path: str, folder: str, services: MapNode | None) -> None:
        self._files[path] = services
        self._folders[path] = folder

    def service(self, path: str, name: str, chain: tuple[_Link, ...]) -> Node | None:
        """The service `name` of the file `path` with its bases merged below it."""
        if (path, name) in self._made:
            return self._made[path, name]
        services = self._files.get(path)
        own = services.get(name) if services is not None else None
        extends = _extends(own)
        if own is None or extends is None:
            return own
        base_name, span = _value(extends, "service")
        file, file_span = _value(extends, "file")
        file = self._session.path_text(file, self._env)
        base_path = self._located(file, path, file_span) if file else path
        if base_path is None:
            return None
        if self._is_endless((*chain, (path, name, span)), base_path, base_name):
            return None
        if base_path not in self._files:
            self.add(base_path, folder_of(base_path), self._read(base_path, file_span))
        base = self.service(base_path, base_name, (*chain, (path, name, span)))
        if base is None:
            self._tell_missing(base_path, base_name, span)
            return None
        assert isinstance(own, MapNode)
        rest = own.replacing({key: value for key, value in own.items.items() if key != "extends"})
        made = merge(base, rest, _SERVICE, final=False)
        self._made[path, name] = made
        return made

    def _located(self, file: str, path: str, span: Span) -> str | None:
        """The absolute path of the file that is named in the file `path`."""
        if is_remote(file) or file.startswith("oci:"):
            message = f'cannot extend a service of "{file}": it is not a local file'
            self._session.problems.error(message, span, "fetch it, and extend from the copy")
            return None
        return absolute(file, Context(self._session.problems, self._folders[path], self._session.home))

    def _read(self, path: str, span: Span) -> MapNode | None:
        text = read_text(path, self._session, span, "extended file")
        merged: Node | None = None
        for tree in load_documents(text, path, folder_of(path), self._env, self._session) if text is not None else ():
            merged = merge(merged, tree) if merged is not None else tree
        services = merged.get("services") if isinstance(merged, MapNode) else None
        return services if isinstance(services, MapNode) else None

    def _is_endless(self, chain: tuple[_Link, ...], path: str, name: str) -> bool:
        begin = next((n for n, (file, service, _) in enumerate(chain) if (file, service) == (path, name)), None)
        if begin is None:
            if len(chain) > _MAX_CHAIN:
                self._session.problems.error(
                    f"services extend each other over more than {_MAX_CHAIN} steps", chain[-1][2]
                )
            return len(chain) > _MAX_CHAIN
        members = {(file, service) for file, service, _ in chain[begin:]}
        if members <= self._circular:
            return True  # told already, from another of its services
        self._circular |= members
        first = chain[begin][2]
        names = " -> ".join([service for _, service, _ in chain[begin:]] + [name])
        places = ", ".join(str(span) for _, _, span in chain[begin:])
        self._session.problems.error(
            f"services extend each other in a circle: {names}", first, f"cut it at one of {places}"
        )
        return True

    def _tell_missing(self, path: str, name: str, span: Span) -> None:
        from cais.compose.problems import nearest

        services = self._files.get(path)
        if services is None or name in services.items:
            return  # the file could not be read, or the base has an error of its own: told already
        hint = nearest(name, list(services.items)) or f"it has: {', '.join(services.items) or 'none'}"
        self._session.problems.error(
            f'there is no service "{name}" to extend in "{self._session.shown(path)}"', span, hint
        )
