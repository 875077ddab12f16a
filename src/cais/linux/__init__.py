"""One module a kernel subject, one function a call. The only privileged code; knows nothing of containers, images or Compose."""
