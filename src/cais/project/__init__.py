"""The heart: what is desired, what is observed, the plan between them, and its execution."""
