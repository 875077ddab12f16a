"""Finds the circles of a directed graph, without recursion: a chain of services may be long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def cycles(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Circles of the graph, each as the nodes along it; no two share a node, and without them the graph would have none left of these."""
    left = {node: [other for other in others if other in edges] for node, others in edges.items()}
    found: list[list[str]] = []
    while left := _without_ends(left):
        circle = _one(left)
        found.append(circle)
        left = {
            node: [other for other in others if other not in circle]
            for node, others in left.items()
            if node not in circle
        }
    return found


def _without_ends(edges: dict[str, list[str]]) -> dict[str, list[str]]:
    """The graph without the nodes from which no circle can be reached."""
    users: dict[str, list[str]] = {node: [] for node in edges}
    for node, others in edges.items():
        for other in others:
            users[other].append(node)
    waiting = {node: len(others) for node, others in edges.items()}
    ends = [node for node, count in waiting.items() if not count]
    while ends:
        for user in users[ends.pop()]:
            waiting[user] -= 1
            if not waiting[user]:
                ends.append(user)
    kept = {node for node, count in waiting.items() if count}
    return {node: [other for other in others if other in kept] for node, others in edges.items() if node in kept}


def _one(edges: Mapping[str, Sequence[str]]) -> list[str]:
    """A circle: every node here leads to another one, so that a walk must come back."""
    node = next(iter(edges))
    walked: dict[str, int] = {}
    while node not in walked:
        walked[node] = len(walked)
        node = edges[node][0]
    return list(walked)[walked[node] :]
