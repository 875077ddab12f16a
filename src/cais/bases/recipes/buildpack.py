"""What the whole variants of language images add to their slim ones: compilers, version control, headers of common libraries."""

from __future__ import annotations

SOURCE_CONTROL = ("git", "ca-certificates", "curl", "wget", "openssh-client", "procps")

BUILD = (
    *SOURCE_CONTROL,
    *("gcc", "g++", "make", "libc6-dev", "pkgconf", "autoconf", "automake", "libtool", "patch", "dpkg-dev", "file"),
    *("bzip2", "unzip", "xz-utils", "gnupg", "dirmngr"),
    *("libbz2-dev", "libffi-dev", "liblzma-dev", "libncurses-dev", "libreadline-dev", "libsqlite3-dev", "libssl-dev"),
    *("libpq-dev", "default-libmysqlclient-dev", "libxml2-dev", "libxslt1-dev", "libyaml-dev", "libcurl4-openssl-dev"),
    *("libjpeg-dev", "libpng-dev", "libwebp-dev", "libgmp-dev", "libkrb5-dev", "uuid-dev", "zlib1g-dev"),
)

OMITS = ("mercurial, subversion, ImageMagick and the headers of less common libraries (apt-get install)",)
