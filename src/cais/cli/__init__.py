"""The command line: flags in, one call, output rendered. Alone prints, reads argv and exits."""
