"""Certificates made on the spot."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.upstream import dialing

HERE, ELSEWHERE, STRANGE = "IP:127.0.0.1", "DNS:other.example", "IP:127.0.0.1,DNS:strange.example"


class Certificates:
    """Certificates that vouch for themselves, in files.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.trusted = folder / "trusted.crt"
        self.trusted.write_text(self._made(HERE).read_text() + self._made(ELSEWHERE).read_text())

    def serving(self, name: str = HERE) -> ssl.SSLContext:
        """Return a server's context with the certificate for a name."""
        path = self._made(name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, path.with_suffix(".key"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def _made(self, name: str) -> Path:
        path = self._folder / f"{name.replace(':', '-').replace(',', '-').replace('.', '-')}.pem"
        if not path.exists():
            command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            command += ["-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}"]
            command += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
            subprocess.run(command, check=True, capture_output=True)
        return path


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def certificates(made_certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Certificates]:
    """Certificates for this address and for another name, both trusted; others may be made that are not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made_certificates.trusted))
    dialing.trust.cache_clear()
    yield made_certificates
    dialing.trust.cache_clear()
