import pytest

from cais.compose.model.build import Build
from cais.compose.model.mounts import ServiceMount
from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.errors import CaisError, PullError
from cais.images.model import StoredImage
from cais.project.ensure import ImageOptions, build_levels, ensure_images, known_image, known_mounted, missing_images
from cais.project.names import mounted_image
from tests.unit.project.projects import image, project, service

BUILD = Build(context="/shop/web")


class Source:
    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.resolved: list[str] = []
        self.used: list[str] = []
        self.ages: dict[str, float] = {}

    def local(self, reference: str) -> StoredImage | None:
        return image() if reference in self.known else None

    def use(self, reference: str) -> StoredImage | None:
        self.used.append(reference)
        return self.local(reference)

    def age_s(self, reference: str) -> float | None:
        return self.ages.get(reference)

    def resolve(self, reference: str, *, pull: bool = False) -> StoredImage:
        self.resolved.append(reference)
        if reference.startswith("nowhere"):
            raise PullError(f'image "{reference}" is nowhere', hint="import it")
        return image("b")


class Builder:
    def __init__(self) -> None:
        self.built: list[str] = []

    def build(self, project: Project, service: Service) -> StoredImage:
        self.built.append(service.name)
        return image("c")


def ensure(wanted: Project, source: Source, **options: object) -> list[str]:
    builder = Builder()
    ensure_images(wanted, tuple(wanted.services), source, builder, ImageOptions(**options))  # type: ignore[arg-type]
    return builder.built


@pytest.mark.parametrize(
    ("fields", "known", "options", "built", "resolved"),
    [
        ({"build": BUILD, "image": ""}, (), {}, ["web"], []),
        ({"build": BUILD, "image": ""}, ("shop-web",), {}, [], []),
        ({"build": BUILD, "image": ""}, ("shop-web",), {"build": True}, ["web"], []),
        ({"build": BUILD, "image": "", "pull_policy": "build"}, ("shop-web",), {}, ["web"], []),
        ({"image": "nginx"}, (), {}, [], ["nginx"]),
        ({"image": "nginx"}, ("nginx",), {}, [], []),
        ({"image": "nginx", "pull_policy": "always"}, ("nginx",), {}, [], ["nginx"]),
        ({"image": "nginx"}, ("nginx",), {"build": True}, [], []),
        ({"image": "nginx"}, ("nginx",), {"pull": "always"}, [], ["nginx"]),
        ({"image": "nginx", "pull_policy": "always"}, ("nginx",), {"pull": "missing"}, [], []),
        ({"image": "nginx", "pull_policy": "daily"}, ("nginx",), {}, [], ["nginx"]),
        ({"image": "nginx", "pull_policy": "never"}, ("nginx",), {}, [], []),
        ({"image": "app", "build": BUILD}, (), {}, ["web"], []),
        ({"image": "app", "build": BUILD, "pull_policy": "missing"}, (), {}, [], ["app"]),
        ({"image": "app", "build": BUILD, "pull_policy": "always"}, ("app",), {}, [], ["app"]),
        ({"image": "nowhere", "build": BUILD, "pull_policy": "always"}, ("nowhere",), {}, ["web"], ["nowhere"]),
        ({"image": "app", "build": BUILD, "pull_policy": "never"}, (), {}, ["web"], []),
    ],
)
def test_where_an_image_comes_from(
    fields: dict[str, object], known: tuple[str, ...], options: dict[str, object], built: list[str], resolved: list[str]
) -> None:
    source = Source(*known)
    assert ensure(project(service("web", depends_on=None, **fields)), source, **options) == built
    assert source.resolved == resolved


def test_never_pull_and_no_build_say_so() -> None:
    with pytest.raises(PullError, match="the pull policy is never"):
        ensure(project(service("web", pull_policy="never")), Source())
    with pytest.raises(PullError, match="--no-build was given"):
        ensure(project(service("web", image="", build=BUILD)), Source(), no_build=True)


def test_another_platform_is_refused() -> None:
    with pytest.raises(CaisError, match="wants the platform linux/s390x"):
        ensure(project(service("web", platform="linux/s390x")), Source("web:1"))


def test_a_context_of_another_service_is_built_before() -> None:
    app = service("app", image="", build=Build(context="/app", additional_contexts={"base": "service:base"}))
    shop = project(app, service("base", image="", build=BUILD))
    assert build_levels(shop, shop.services) == (("base",), ("app",))


def test_builds_in_a_circle_are_refused() -> None:
    def build_on(other: str) -> Build:
        return Build(context="/x", additional_contexts={"x": f"service:{other}"})

    shop = project(service("a", build=build_on("b")), service("b", build=build_on("a")))
    with pytest.raises(CaisError, match="in a circle"):
        build_levels(shop, shop.services)


def test_a_dry_run_says_what_is_missing() -> None:
    shop = project(service("web", image="", build=BUILD), service("db", image="postgres:17"))
    assert missing_images(shop, tuple(shop.services), Source(), ImageOptions()) == (
        "build image shop-web: it is not in the store",
        "fetch image postgres:17: it is not in the store",
    )


def test_a_dry_run_uses_no_image() -> None:
    mounting = service("web", image="web:1", volumes=(ServiceMount(type="image", source="files:1", target="/f"),))
    shop, source = project(mounting), Source("web:1", "files:1")
    missing_images(shop, tuple(shop.services), source, ImageOptions())
    known_image(shop, shop.services["web"], source)
    assert set(known_mounted(shop, tuple(shop.services), source)) == {mounted_image("files:1")}
    assert source.used == []
    ensure(shop, source)
    assert source.used == ["web:1", "files:1"]
