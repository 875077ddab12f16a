"""From a service's canonical tree, which has the shape of the file, to the shape of the model: what is nested for people and flat for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cais.compose.forms.files import SECRETS_FOLDER
from cais.compose.forms.ports import ANY_FREE
from cais.compose.nodes import Plain

_Tree = dict[str, Plain]
_Shape = Callable[[Plain], Plain]
_MOUNT_GROUPS = ("bind", "volume", "tmpfs", "image")


def service(plain: _Tree) -> _Tree:
    """The data of a canonical service as the struct `Service` has it. `plain` is used up."""
    for key in ("command", "entrypoint"):
        if plain.get(key, ()) is None:
            del plain[key]  # said to be nothing: the image's holds
    return _with(plain, _SERVICE)


def _with(tree: Plain, shapes: Mapping[str, _Shape]) -> _Tree:
    if not isinstance(tree, dict):
        return {}
    for key, shape in shapes.items():
        if key in tree:
            tree[key] = shape(tree[key])
    return tree


def _each(shape: _Shape) -> _Shape:
    return lambda plain: [shape(item) for item in plain] if isinstance(plain, list) else plain


def _named(shape: _Shape) -> _Shape:
    return lambda plain: {key: shape(item) for key, item in plain.items()} if isinstance(plain, dict) else plain


def _hosts(plain: Plain) -> Plain:
    """Pairs of name and address, one for each address of a name."""
    if not isinstance(plain, dict):
        return []
    return [[host, one] for host, many in plain.items() if isinstance(many, list) for one in many]


def _file_path(plain: Plain) -> Plain:
    return plain["path"] if isinstance(plain, dict) else plain


def _port(plain: Plain) -> Plain:
    if isinstance(plain, dict) and plain.get("published") == ANY_FREE:
        plain["published"] = ""
    return plain


def _mount(plain: Plain) -> Plain:
    """`bind.propagation` becomes `bind_propagation`."""
    if not isinstance(plain, dict):
        return plain
    for group in _MOUNT_GROUPS:
        inner = plain.pop(group, None)
        if isinstance(inner, dict):
            plain.update({f"{group}_{key}": value for key, value in inner.items()})
    return plain


def _device(plain: Plain) -> Plain:
    if not isinstance(plain, dict):
        return plain
    source = plain["source"]
    if "=" in str(source).split(":")[0]:
        return source  # a CDI name such as vendor.com/class=name
    return f"{source}:{plain.get('target') or source}:{plain.get('permissions') or 'rwm'}"


def _ulimit(plain: Plain) -> Plain:
    """A number means both the soft and the hard limit."""
    return plain if isinstance(plain, dict) else {"soft": plain, "hard": plain}


def _reference(folder: str) -> _Shape:
    """A use of a secret or config: its target absolute."""

    def shape(plain: Plain) -> Plain:
        if isinstance(plain, dict):
            target = str(plain.get("target") or plain["source"])
            plain["target"] = target if target.startswith("/") else f"{folder}/{target}"
        return plain

    return shape


def _build_secret(plain: Plain) -> Plain:
    """Of a build secret, the target is the id that RUN names: not a path."""
    if isinstance(plain, dict):
        target = str(plain.get("target") or plain["source"])
        plain["target"] = target.removeprefix(f"{SECRETS_FOLDER}/")
    return plain


def ssh(plain: Plain) -> Plain:
    """The SSH agents of a build as a list: `ID`, `ID=PLACE`."""
    return [f"{key}={value}" if value else key for key, value in plain.items()] if isinstance(plain, dict) else plain


def _pair(plain: Plain) -> Plain:
    limit = _ulimit(plain)
    return [limit["soft"], limit["hard"]] if isinstance(limit, dict) else limit


def _healthcheck(plain: Plain) -> Plain:
    """An empty test is the image's, as none is."""
    return {key: value for key, value in plain.items() if key != "test" or value} if isinstance(plain, dict) else plain


def _generic(plain: Plain) -> Plain:
    return plain.get("discrete_resource_spec") if isinstance(plain, dict) else plain


def _placement(plain: Plain) -> Plain:
    made = _with(plain, {})
    preferences = made.pop("preferences", None)
    if isinstance(preferences, list):
        made["spread"] = [item["spread"] for item in preferences if isinstance(item, dict) and "spread" in item]
    return made


def _deploy(plain: Plain) -> Plain:
    made = _with(plain, {"placement": _placement})
    if not made.get("placement", True):
        del made["placement"]  # an empty one says nothing
    resources = made.pop("resources", None)
    if isinstance(resources, dict):
        made.update({key: _with(item, {"generic_resources": _each(_generic)}) for key, item in resources.items()})
    return made


_BUILD: dict[str, _Shape] = {
    "extra_hosts": _hosts,
    "ulimits": _named(_pair),
    "secrets": _each(_build_secret),
    "ssh": ssh,
}
_SERVICE: dict[str, _Shape] = {
    "extra_hosts": _hosts,
    "env_file": _each(_file_path),
    "ports": _each(_port),
    "volumes": _each(_mount),
    "devices": _each(_device),
    "ulimits": _named(_ulimit),
    "secrets": _each(_reference(SECRETS_FOLDER)),
    "configs": _each(_reference("")),
    "networks": _named(lambda place: place or {}),
    "models": _named(lambda place: place or {}),
    "healthcheck": _healthcheck,
    "deploy": _deploy,
    "build": lambda plain: _with(plain, _BUILD),
}
