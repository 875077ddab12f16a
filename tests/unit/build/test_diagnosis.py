"""Failures that are no mistake of the Dockerfile must be told apart by what programs really print."""

from __future__ import annotations

import pytest

from cais.build.diagnosis import Evidence, likely_cause

SAID = [
    (100, "Temporary failure resolving 'deb.debian.org'", "could not be resolved"),
    (6, "curl: (6) Could not resolve host: example.org", "could not be resolved"),
    (1, "go: x: dial tcp: lookup proxy.golang.org: no such host", "could not be resolved"),
    (1, "npm ERR! code EAI_AGAIN", "could not be resolved"),
    (1, "wget: bad address 'example.org'", "could not be resolved"),
    (1, "socket.gaierror: [Errno -2] Name or service not known", "could not be resolved"),
    (60, "curl: (60) SSL certificate problem: self-signed certificate in certificate chain", "a proxy opens TLS"),
    (
        1,
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
        "a proxy opens TLS",
    ),
    (1, "npm ERR! code SELF_SIGNED_CERT_IN_CHAIN", "a proxy opens TLS"),
    (1, "tls: failed to verify certificate: x509: certificate signed by unknown authority", "a proxy opens TLS"),
    (100, "Certificate verification failed: The certificate is NOT trusted.", "a proxy opens TLS"),
    (1, "unable to access: server certificate verification failed. CAfile: none", "a proxy opens TLS"),
    (1, "cp: write error: No space left on device", "the disk is full"),
    (1, "OSError: [Errno 28] No space left on device", "the disk is full"),
    (134, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory was used up"),
    (1, "fork: Cannot allocate memory", "memory was used up"),
    (1, "c++: fatal error: Killed signal terminated program cc1plus", "memory was used up"),
    (126, "/bin/sh: ./run.sh: /bin/bash^M: bad interpreter: No such file or directory", "CRLF"),
    (127, "env: 'bash\r': No such file or directory", "CRLF"),
    (127, "run.sh: line 2: $'\\r': command not found", "CRLF"),
    (126, "exec /app: exec format error", "another kind of machine"),
    (127, "sh: pip: not found", "not in the image"),
    (126, "sh: ./x: Permission denied", "chmod +x"),
    (137, "", "it was killed"),
]


@pytest.mark.parametrize(("code", "output", "words"), SAID, ids=[case[1][:40] for case in SAID])
def test_what_programs_say(code: int, output: str, words: str) -> None:
    assert words in (likely_cause(Evidence(code=code, output=output)) or "")


def test_what_the_machine_says_goes_first() -> None:
    assert "ran out of memory" in (likely_cause(Evidence(code=137, output="Killed", oom_kills=1)) or "")
    assert "the disk is full" in (likely_cause(Evidence(code=1, output="sqlite: disk I/O error", free_bytes=1)) or "")
    said = likely_cause(Evidence(code=127, output="sh: ./run.sh: not found", has_carriage_returns=True))
    assert "CRLF" in (said or "")
    assert "--network" in (likely_cause(Evidence(code=6, output="Could not resolve host: x", network="none")) or "")
    assert "--no-host-ca" in (likely_cause(Evidence(code=60, output="SSL certificate problem", host_ca=False)) or "")


def test_an_ordinary_failure_is_left_alone() -> None:
    assert likely_cause(Evidence(code=1, output="AssertionError: 1 != 2")) is None
