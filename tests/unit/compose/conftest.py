from __future__ import annotations

import os.path
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pytest

from cais.compose import render
from cais.compose.loader import Loaded, Source, Wanted, bind_project, load_tree
from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.errors import InvalidProject

ROOT = "/p"


class Files:
    """A reader over a dictionary of files."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = {os.path.normpath(os.path.join(ROOT, name)): text for name, text in files.items()}

    def read(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def exists(self, path: str) -> bool:
        return path in self.files


class Loader:
    """Loads projects written as text."""

    def project(
        self,
        *texts: str,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        profiles: Collection[str] = (),
        services: Collection[str] = (),
        name: str | None = "p",
    ) -> Project:
        loaded = self.loaded(
            *texts, env=env, files=files, profiles=profiles, services=services, name=name, only_named=False
        )
        return bind_project(loaded)

    def loaded(
        self,
        *texts: str,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        profiles: Collection[str] = (),
        services: Collection[str] = (),
        name: str | None = "p",
        **how: bool,
    ) -> Loaded:
        """The canonical tree; `how` are the fields of `Wanted`."""
        names = ["compose.yaml", "compose.override.yaml", *(f"{n}.yaml" for n in range(len(texts)))]
        sources = [Source(name, f"{ROOT}/{name}", text) for name, text in zip(names, texts, strict=False)]
        wanted = Wanted(
            sources=tuple(sources),
            directory=ROOT,
            name=name,
            profiles=tuple(profiles),
            services=tuple(services),
            **how,
        )
        return load_tree(wanted, env or {}, Files(files or {}))

    def rendered(self, *texts: str, **options: Any) -> Any:
        """The project as `config` shows it, its text not escaped."""
        loaded = self.loaded(*texts, **options)
        return render.to_tree(loaded.name, loaded.tree)

    def service(self, text: str, env: Mapping[str, str] | None = None) -> Service:
        """The service `a` whose attributes are `text`."""
        lines = "".join(f"    {line}\n" for line in text.splitlines())
        return self.project(f"services:\n  a:\n    image: x\n{lines}", env=env).services["a"]

    def errors(self, *texts: str, **options: object) -> list[str]:
        """What is wrong, as `place: message`."""
        with pytest.raises(InvalidProject) as caught:
            self.project(*texts, **options)  # type: ignore[arg-type] # passed on as they come
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def loader() -> Loader:
    return Loader()


def model(project: Project) -> dict[str, Any]:
    """What rendering keeps: not the files that values came from, nor disabled services."""
    plain: dict[str, Any] = msgspec.to_builtins(project)
    for service in plain["services"].values():
        service.pop("env_file", None)
    return {key: plain[key] for key in ("name", "services", "networks", "volumes", "secrets", "configs", "models")}
