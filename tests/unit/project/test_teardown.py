from cais.compose.model.service import Dependency
from cais.engine.protocol import State
from cais.project.observed import Observed
from cais.project.teardown import DownOptions, plan_down, plan_remove, plan_restart, plan_start, plan_stop
from tests.unit.project.projects import HEALTHY, observed, project, service

SHOP = project(
    service("web", depends_on={"api": HEALTHY}),
    service("api", depends_on={"db": Dependency()}),
    service("db"),
    volumes=("data",),
)


def lines(text: object) -> list[str]:
    return str(text).splitlines()


def ids(seen: Observed) -> set[str]:
    return {c.id for c in seen.containers.values()}


def test_stop_takes_dependents_first() -> None:
    plan = plan_stop(observed(SHOP).containers.values(), timeout_s=None, cause="")
    assert lines(plan) == ["stop container shop-web-1", "stop container shop-api-1", "stop container shop-db-1"]
    assert [action.after for action in plan.actions] == [(), (0,), (1,)]


def test_start_takes_dependencies_first_and_leaves_what_runs() -> None:
    plan = plan_start(observed(SHOP, State.EXITED).containers.values())
    assert [line.split(":")[0] for line in lines(plan)] == [
        "start container shop-db-1",
        "start container shop-api-1",
        "start container shop-web-1",
    ]
    assert not plan_start(observed(SHOP).containers.values()).actions


def test_restart_stops_all_then_starts_in_order() -> None:
    plan = plan_restart(observed(SHOP).containers.values(), timeout_s=None)
    assert [a.line().split(" ")[0] for a in plan.actions] == ["stop"] * 3 + ["start"] * 3
    assert plan.actions[3].after == (0, 1, 2)
    assert all(before < index for index, a in enumerate(plan.actions) for before in a.after)


def test_down_removes_containers_then_networks_and_keeps_volumes() -> None:
    seen = observed(SHOP)
    plan = plan_down(seen, "shop", ids(seen), DownOptions())
    assert lines(plan)[-1] == "remove network shop_default"
    assert not any("volume" in line for line in lines(plan))


def test_down_with_volumes_removes_those_the_file_declares() -> None:
    seen = observed(SHOP)
    plan = plan_down(seen, "shop", ids(seen), DownOptions(volumes=True, volume_names=("shop_data",)))
    assert lines(plan)[-1] == "remove volume shop_data: --volumes was given"


def test_down_of_another_project_leaves_networks_that_are_not_its_own() -> None:
    seen = observed(SHOP)
    plan = plan_down(Observed(networks=seen.networks), "other", set(), DownOptions())
    assert not plan.actions


def test_down_of_one_service_keeps_the_network() -> None:
    seen = observed(SHOP)
    plan = plan_down(seen, "shop", {"id-shop-web-1"}, DownOptions(services=("web",)))
    assert lines(plan) == ["stop container shop-web-1", "remove container shop-web-1"]


def test_remove_leaves_what_runs() -> None:
    assert not plan_remove(observed(SHOP).containers.values(), volumes=False, cause="").actions
    assert len(plan_remove(observed(SHOP, State.EXITED).containers.values(), volumes=False, cause="").actions) == 3
