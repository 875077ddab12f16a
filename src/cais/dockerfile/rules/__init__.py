"""The published build checks of Dockerfiles: one rule one row. Rules look at text and its parse; they know nothing of images or hosts."""
