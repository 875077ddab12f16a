"""Measures Cais beside Docker Compose and beside the floor, in one interleaved run. Must not know Cais's code: it drives the command."""
