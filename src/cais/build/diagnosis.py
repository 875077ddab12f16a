"""What a failed command's output most probably means, where it is something that the Dockerfile's author cannot see from it. Pure."""

from __future__ import annotations

import re

import msgspec

_KILLED = 137
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a failure: exit code, the end of the output, and what the machine says.

    `oom_kills` are processes that the kernel killed for memory meanwhile, `free_bytes` what is left on the disk of the layer. `has_carriage_returns`:
    the command, or a script it names, has lines that end as on Windows.
    """

    code: int
    output: str
    oom_kills: int = 0
    free_bytes: int = 1 << 40
    has_carriage_returns: bool = False
    network: str = "default"
    host_ca: bool = True


_FULL_BYTES = 16 << 20

# resolver(3) by way of the C libraries, curl, apt, Go, Node, Python, busybox.
_DNS = re.compile(
    r"temporary failure (?:in name resolution|resolving)|could not resolve (?:host|proxy)|name or service not known|no such host"
    r"|name does not resolve|EAI_AGAIN|ENOTFOUND|bad address '|server can't find|unknown host",
    re.IGNORECASE,
)
# OpenSSL, GnuTLS, Go, Node, Java, curl, git, apt.
_TLS = re.compile(
    r"certificate verify failed|self[- ]signed certificate|SELF_SIGNED_CERT|unable to get (?:local )?issuer|UNABLE_TO_GET_ISSUER"
    r"|UNABLE_TO_VERIFY_LEAF|x509: certificate|certificate (?:is not trusted|signed by unknown)|SSL certificate problem"
    r"|PKIX path building failed|certificate verification failed|CERTIFICATE_VERIFY_FAILED",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left on device|disk quota exceeded|ENOSPC|write error: no space", re.IGNORECASE)
_MEMORY = re.compile(
    r"out of memory|cannot allocate memory|heap out of memory|MemoryError|std::bad_alloc|Killed signal terminated program",
    re.IGNORECASE,
)
_CARRIAGE = re.compile(
    r"\^M|\\r['\"]?: (?:command not found|no such file)|\r['\"]?: (?:command )?not found|env: .*\r", re.IGNORECASE
)
_FORMAT = re.compile(r"exec format error", re.IGNORECASE)


def likely_cause(evidence: Evidence) -> str | None:
    """One sentence with what to do; None when nothing is known."""
    return next((words for check in _CHECKS if (words := check(evidence)) is not None), None)


def _disk(evidence: Evidence) -> str | None:
    if _FULL.search(evidence.output) or evidence.free_bytes < _FULL_BYTES:
        return "the disk is full: `cais builder prune` and `cais image prune` make room"
    return None


def _memory(evidence: Evidence) -> str | None:
    if evidence.code == _KILLED and evidence.oom_kills:
        return "the machine ran out of memory, and the kernel killed the command: give it more, or let fewer jobs run at a time"
    if _MEMORY.search(evidence.output):
        return "it looks as if the memory was used up: give the machine more, or let fewer jobs run at a time"
    if evidence.code == _KILLED:
        return "it was killed, most often because the memory was used up"
    return None


def _names(evidence: Evidence) -> str | None:
    if not _DNS.search(evidence.output):
        return None
    if evidence.network == "none":
        return "the step has no network: its --network, or that of the build, is none"
    return "a name could not be resolved: is the machine's own network there, and is a proxy needed (HTTPS_PROXY)?"


def _certificates(evidence: Evidence) -> str | None:
    if not _TLS.search(evidence.output):
        return None
    begin = "a certificate is not trusted: a proxy opens TLS here, or the server has one of its own"
    if not evidence.host_ca:
        return f"{begin}; without --no-host-ca the machine's certificates are lent to the build"
    return f"{begin}; put its authority into the machine's bundle (update-ca-certificates), which is lent to builds"


def _line_ends(evidence: Evidence) -> str | None:
    if _CARRIAGE.search(evidence.output) or (
        evidence.has_carriage_returns and evidence.code in (_NOT_FOUND, _NOT_EXECUTABLE, 2)
    ):
        return "lines end as on Windows (CRLF): convert the script with dos2unix, and keep it so with `* text=auto eol=lf` in .gitattributes"
    return None


def _format(evidence: Evidence) -> str | None:
    if _FORMAT.search(evidence.output):
        return "the program is for another kind of machine, or is a script without a #! line"
    return None


def _code(evidence: Evidence) -> str | None:
    if evidence.code == _NOT_FOUND:
        return "the command, or a program it calls, is not in the image"
    if evidence.code == _NOT_EXECUTABLE:
        return "the command is there but cannot be executed: chmod +x, or its interpreter is missing"
    return None


# The first that knows something is heard: what the machine says goes before what the output looks like.
_CHECKS = (_disk, _memory, _line_ends, _certificates, _names, _format, _code)
