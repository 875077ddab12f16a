"""Images pinned to the digests that their registries have: `config --resolve-image-digests` and `--lock-image-digests`."""

from __future__ import annotations

from collections.abc import Callable

from cais.compose.nodes import Plain
from cais.compose.render import Tree


def pinned(tree: Tree, with_digest: Callable[[str], str]) -> Tree:
    """A rendered project in which every image that is named has its digest. `with_digest` asks the registry."""

    def service(plain: Plain) -> Plain:
        if not isinstance(plain, dict) or not isinstance(image := plain.get("image"), str):
            return plain
        return {**plain, "image": with_digest(image)}

    return _with_services(tree, service)


def locked(tree: Tree) -> Tree:
    """A rendered project reduced to the images of its services, to be put over its files with `-f`."""

    def service(plain: Plain) -> Plain:
        return {"image": plain["image"]} if isinstance(plain, dict) and "image" in plain else {}

    return _with_services({"services": tree["services"]}, service)


def _with_services(tree: Tree, shape: Callable[[Plain], Plain]) -> Tree:
    services = tree["services"]
    assert isinstance(services, dict)
    return {**tree, "services": {name: shape(service) for name, service in services.items()}}
