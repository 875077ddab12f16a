import msgspec
import pytest

from cais.compose.model.hooks import PreStartHook
from cais.compose.model.mounts import ServiceMount
from cais.compose.model.project import Origins, Project
from cais.compose.model.service import Dependency
from cais.engine.protocol import RestartPolicy, State
from cais.errors import Conflict, InvalidProject, NotFoundError, Span
from cais.project.actions import Await, CreateContainer, StartContainer
from cais.project.observed import Observed
from cais.project.plan import Recreate, UpOptions, plan_up
from tests.unit.project.projects import HEALTHY, image, images, observed, project, service

DB_MOUNT = ServiceMount(type="volume", source="data", target="/data")
SHOP = project(
    service("web", depends_on={"api": HEALTHY}),
    service("api", depends_on={"db": HEALTHY}),
    service("db", volumes=(DB_MOUNT,)),
    volumes=("data",),
)


def lines(text: object) -> list[str]:
    return str(text).splitlines()


def test_first_up_creates_everything_and_starts_in_the_order_of_health() -> None:
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions(wait=True))
    assert lines(plan) == [
        "create network shop_default: it does not exist",
        "create volume shop_data: it does not exist",
        "create container shop-db-1: it does not exist",
        "start container shop-db-1",
        "wait until db is healthy: api depends on it",
        "create container shop-api-1: it does not exist",
        "start container shop-api-1",
        "wait until api is healthy: web depends on it",
        "create container shop-web-1: it does not exist",
        "start container shop-web-1",
        "wait until web is healthy",
    ]


def test_containers_are_created_while_their_dependencies_become_healthy() -> None:
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions())
    by_line = {action.line(): action for action in plan.actions}
    assert by_line["create container shop-web-1"].after == (0,)
    start = by_line["start container shop-web-1"]
    assert any(isinstance(plan.actions[i], Await) for i in start.after)


def test_nothing_to_do_when_all_is_up() -> None:
    assert plan_up(SHOP, images(SHOP), observed(SHOP), UpOptions()).changes_nothing


def test_every_dependency_points_backwards() -> None:
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions(wait=True))
    assert all(before < index for index, action in enumerate(plan.actions) for before in action.after)


def test_recreate_names_field_old_new_and_line() -> None:
    changed = msgspec.structs.replace(SHOP.services["api"], environment={"DEBUG": "1"})
    origin: dict[tuple[str | int, ...], Span] = {
        ("services", "api", "environment", "DEBUG"): Span("compose.yaml", 12, 7)
    }
    after = msgspec.structs.replace(SHOP, services={**SHOP.services, "api": changed}, origins=Origins(origin))
    plan = plan_up(after, images(after), observed(SHOP), UpOptions())
    assert lines(plan)[0:2] == [
        "wait until db is healthy: api depends on it",
        'stop container shop-api-1: environment.DEBUG added: "1" (compose.yaml:12)',
    ]
    assert not any("shop-web-1" in line or "shop-db-1" in line for line in lines(plan))


def test_changed_value_shows_old_and_new() -> None:
    before = project(service("api", environment={"DEBUG": "0"}))
    after = project(service("api", environment={"DEBUG": "1"}))
    plan = plan_up(after, images(after), observed(before), UpOptions())
    assert lines(plan)[0] == 'stop container shop-api-1: environment.DEBUG changed from "0" to "1"'


def test_new_image_recreates() -> None:
    plan = plan_up(SHOP, {**images(SHOP), "web": image("b")}, observed(SHOP), UpOptions())
    assert "image web:1 changed from aaaaaaaaaaaa to bbbbbbbbbbbb" in lines(plan)[2]


def test_recreate_never_leaves_changed_containers() -> None:
    before = project(service("api", environment={"DEBUG": "0"}))
    after = project(service("api"))
    assert plan_up(after, images(after), observed(before), UpOptions(recreate=Recreate.NEVER)).changes_nothing


def test_exited_container_is_started_again_with_its_exit_code_as_cause() -> None:
    one = project(service("api"))
    plan = plan_up(one, images(one), observed(one, State.EXITED), UpOptions())
    assert lines(plan) == ["start container shop-api-1: it is exited (exit code 1)"]


def test_scale_down_removes_the_highest_numbers() -> None:
    two = project(service("api", scale=2))
    one = project(service("api"))
    seen = observed(one)
    plan = plan_up(two, images(two), seen, UpOptions())
    assert lines(plan) == ["create container shop-api-2: it does not exist", "start container shop-api-2"]
    plan = plan_up(one, images(one), seen, UpOptions(scale={"api": 0}))
    assert lines(plan) == ["stop container shop-api-1: scaled to 0", "remove container shop-api-1: scaled to 0"]


def test_container_name_cannot_be_scaled() -> None:
    named = project(service("api", container_name="api"))
    with pytest.raises(Conflict, match="container_name gives all the same name"):
        plan_up(named, images(named), Observed(), UpOptions(scale={"api": 2}))


def test_orphans_go_only_when_asked() -> None:
    both = project(service("api"), service("old"))
    one = project(service("api"))
    assert plan_up(one, images(one), observed(both), UpOptions()).changes_nothing
    plan = plan_up(one, images(one), observed(both), UpOptions(remove_orphans=True))
    assert lines(plan) == [
        "stop container shop-old-1: no service claims it",
        "remove container shop-old-1: no service claims it",
    ]


def test_no_deps_starts_only_the_named_service() -> None:
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions(services=("api",), no_deps=True))
    assert [a.name for a in plan.actions if isinstance(a, StartContainer)] == ["shop-api-1"]
    assert not any(isinstance(a, Await) for a in plan.actions)


def test_named_service_brings_its_dependencies() -> None:
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions(services=("api",)))
    assert [a.name for a in plan.actions if isinstance(a, StartContainer)] == ["shop-db-1", "shop-api-1"]


def test_unknown_service_suggests_the_nearest() -> None:
    with pytest.raises(NotFoundError) as caught:
        plan_up(SHOP, images(SHOP), Observed(), UpOptions(services=("apii",)))
    assert caught.value.hint == 'did you mean "api"?'


def test_restart_of_a_dependency_restarts_the_dependent() -> None:
    before = project(service("db", environment={"A": "0"}), service("api", depends_on={"db": Dependency(restart=True)}))
    after = project(service("db", environment={"A": "1"}), service("api", depends_on={"db": Dependency(restart=True)}))
    plan = plan_up(after, images(after), observed(before), UpOptions())
    cause = "db is replaced and depends_on.db.restart is true"
    assert lines(plan)[-2:] == [f"stop container shop-api-1: {cause}", f"start container shop-api-1: {cause}"]


def test_optional_dependency_is_waited_for_without_being_required() -> None:
    weak = project(service("db"), service("api", depends_on={"db": Dependency(required=False)}))
    plan = plan_up(weak, images(weak), Observed(), UpOptions())
    assert [a.required for a in plan.actions if isinstance(a, Await)] == [False]


def test_a_container_that_joins_anothers_network_is_created_and_started_after_it() -> None:
    wanted = project(service("side", network_mode="service:main", networks={}), service("main"))
    plan = plan_up(wanted, images(wanted), Observed(), UpOptions(no_deps=True))
    index = {action.line(): number for number, action in enumerate(plan.actions)}
    by_line = {action.line(): action for action in plan.actions}
    assert index["create container shop-main-1"] in by_line["create container shop-side-1"].after
    assert index["start container shop-main-1"] in by_line["start container shop-side-1"].after


def test_waiting_for_the_health_of_a_service_without_a_check_is_refused_with_its_line() -> None:
    origin: dict[tuple[str | int, ...], Span] = {
        ("services", "web", "depends_on", "db", "condition"): Span("compose.yaml", 5, 9)
    }
    blind = project(service("db", healthcheck=None), service("web", depends_on={"db": HEALTHY}))
    blind = msgspec.structs.replace(blind, origins=Origins(origin))
    with pytest.raises(InvalidProject, match='waits for "db" to be healthy, which has no health check') as caught:
        plan_up(blind, images(blind), Observed(), UpOptions())
    assert caught.value.span == Span("compose.yaml", 5, 9)


def test_who_shares_volumes_or_a_namespace_is_replaced_with_the_owner() -> None:
    lender, reader = service("lender"), service("reader", volumes_from=("lender:ro",))
    side = service("side", networks={}, network_mode="service:lender", depends_on={"lender": Dependency(restart=True)})
    old = observed(project(lender, reader, side))
    wanted = project(service("lender", user="5"), reader, side)
    lines = str(plan_up(wanted, images(wanted), old, UpOptions())).splitlines()
    assert "create container shop-reader-1: lender, whose volumes it shares, is another container now" in lines
    assert "create container shop-side-1: lender, whose namespace it shares, is another container now" in lines
    kept = plan_up(wanted, images(wanted), observed(wanted), UpOptions())
    assert kept.changes_nothing


# --- pre_start ---------------------------------------------------------------------------------------------------------

STEPS = (PreStartHook(command=("migrate",)), PreStartHook(image="tool:1", user="root", environment={"A": "b"}))


def stepped(**fields: object) -> Project:
    values: dict[str, object] = {"pre_start": STEPS, "scale": 2, "depends_on": {"db": HEALTHY}, **fields}
    return project(service("web", **values), service("db"), service("last", depends_on={"web": Dependency()}))  # type: ignore[arg-type]


def lines_of(wanted: Project, seen: Observed, **options: object) -> list[str]:
    found = {**images(wanted), "image:tool:1": image("b")}
    return [action.line() for action in plan_up(wanted, found, seen, UpOptions(**options)).actions]  # type: ignore[arg-type]


def test_steps_come_after_the_waits_of_a_service_and_before_its_first_start() -> None:
    lines = lines_of(stepped(), Observed())
    about = [line for line in lines if "web" in line and "network" not in line]
    assert about == [
        "create container shop-web-1",
        "create container shop-web-pre_start-1",
        "start container shop-web-pre_start-1",
        'wait until pre_start step 1 of service "web" has completed successfully',
        "remove container shop-web-pre_start-1",
        "create container shop-web-pre_start-2",
        "start container shop-web-pre_start-2",
        'wait until pre_start step 2 of service "web" has completed successfully',
        "remove container shop-web-pre_start-2",
        "start container shop-web-1",
        "create container shop-web-2",
        "start container shop-web-2",
        "wait until web is started",
    ]
    plan = plan_up(stepped(), {**images(stepped()), "image:tool:1": image("b")}, Observed(), UpOptions())
    starts = {action.line(): set(action.after) for action in plan.actions}
    index = {action.line(): number for number, action in enumerate(plan.actions)}
    assert index["wait until db is healthy"] in starts["create container shop-web-pre_start-1"]
    for replica in ("shop-web-1", "shop-web-2"):
        assert index["remove container shop-web-pre_start-2"] in starts[f"start container {replica}"]


def test_a_step_has_what_its_service_has_but_for_what_it_says() -> None:
    wanted = stepped(command=("serve",), user="5", ports=(), environment={"A": "a", "B": "b"}, restart="always")
    found = {**images(wanted), "image:tool:1": image("b")}
    plan = plan_up(wanted, found, Observed(), UpOptions())
    first, second = (a.spec for a in plan.actions if isinstance(a, CreateContainer) and "pre_start" in a.spec.name)
    assert (first.command, first.user, first.environment) == (("migrate",), "5", {"A": "a", "B": "b"})
    assert (second.command, second.user, second.environment) == (("serve",), "root", {"A": "b", "B": "b"})
    assert (first.image_id, second.image_id) == (image().id, image("b").id)
    for spec in (first, second):
        assert spec.one_off
        assert (spec.probe, spec.restart, spec.ports) == (None, RestartPolicy(), ())
        assert [one.aliases for one in spec.endpoints] == [(spec.name,)]


def test_steps_are_run_again_for_other_containers_only() -> None:
    wanted = stepped()
    there = observed(wanted)
    assert not any("pre_start" in line for line in lines_of(wanted, there))
    stopped = observed(wanted, State.EXITED)
    assert not any("pre_start" in line for line in lines_of(wanted, stopped, scale={"web": 3}))
    for again in (
        lines_of(wanted, there, recreate=Recreate.ALWAYS),
        lines_of(stepped(pre_start=(PreStartHook(command=("other",)),)), there),
    ):
        assert "start container shop-web-pre_start-1" in again
    assert not any("pre_start" in line for line in lines_of(wanted, Observed(), start=False))


def test_one_that_failed_is_taken_away_and_run_again() -> None:
    wanted = stepped(scale=1)
    web = observed(wanted, State.CREATED).containers["shop-web-1"]
    never = msgspec.structs.replace(web, started_at=0.0, finished_at=0.0)
    failed = msgspec.structs.replace(
        web, id="old", spec=msgspec.structs.replace(web.spec, name="shop-web-pre_start-1", one_off=True)
    )
    seen = Observed(containers={never.name: never, failed.name: failed})
    lines = lines_of(wanted, seen)
    assert lines.index("remove container shop-web-pre_start-1") < lines.index("create container shop-web-pre_start-1")
    assert lines.index("remove container shop-web-pre_start-2") < lines.index("start container shop-web-1")
