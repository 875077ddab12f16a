from __future__ import annotations

from tests.unit.compose.conftest import Loader

from cais.compose import render

TEXT = """
services:
  web:
    image: nginx:1.26
    ports: ["127.0.0.1:80:8080"]
    environment: {PRICE: "5$$", EXP: "1e3"}
    stop_grace_period: 1m30s
    mem_limit: 512m
    volumes: ["./html:/html:ro"]
"""


def test_yaml(loader: Loader) -> None:
    assert (
        render.to_yaml(render.escaped(loader.rendered(TEXT)))
        == """\
name: p
services:
  web:
    environment:
      PRICE: 5$$
      EXP: "1e3"
    image: nginx:1.26
    mem_limit: "536870912"
    networks:
      default: null
    ports:
    - mode: ingress
      target: 8080
      protocol: tcp
      published: "80"
      host_ip: 127.0.0.1
    stop_grace_period: 1m30s
    volumes:
    - type: bind
      source: /p/html
      target: /html
      bind:
        create_host_path: true
      read_only: true
networks:
  default:
    name: p_default
"""
    )


def test_origins(loader: Loader) -> None:
    known = loader.project(TEXT).origins
    rows = [str(row) for row in render.origins(loader.rendered(TEXT), known)]
    assert "services.web.environment.PRICE: 5$  (compose.yaml:6:26)" in rows
    assert "services.web.ports[0].published: 80  (compose.yaml:5:13)" in rows
    assert "services.web.volumes[0].source: /p/html  (compose.yaml:9:15)" in rows
    assert "name: p  (default)" in rows
