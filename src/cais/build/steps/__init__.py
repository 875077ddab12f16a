"""One module a build step kind: what RUN, COPY, ADD and WORKDIR do to a root file system."""
