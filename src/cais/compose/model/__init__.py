"""The Compose model: one file a concept, frozen structs, durations in seconds, sizes in bytes."""
