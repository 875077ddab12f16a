"""What changes files during a build: one value a kind of step, and one module that does it."""
