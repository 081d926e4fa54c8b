"""An authority that only those trust who have its file, and a server that it vouches for."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from trusted_authorities import subject_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOSTS: Final = ("localhost", "127.0.0.1", "127.1")
ORDINARY: Final = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a root of the tests")])


class Authority:
    """A root certificate, and the certificate of one server that it signed.

    Args:
        folder: where its files are written; the server's key stays there.
        subject: the root's name.
        hosts: the names and addresses of the server.

    Attributes:
        path: the root as a bundle of one.
    """

    def __init__(
        self, folder: Path, subject: x509.Name = ORDINARY, hosts: Sequence[str] = HOSTS
    ) -> None:
        self.path = folder / "root.pem"
        self._server = folder / "server.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        root = _root(subject, key)
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = _server(root, key, server_key, hosts)
        self.path.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self._server.write_bytes(
            server.public_bytes(serialization.Encoding.PEM)
            + server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def context(self) -> ssl.SSLContext:
        """What the server needs to show its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        return context


def trust(code: Path, authority: Authority) -> None:
    """Adds a root to the authorities that a function's folder trusts, bundle or directory.

    Args:
        code: the folder that Lambda would mount at `/var/task`.
        authority: whose root.
    """
    trusted = code / "certifi" / "cacert.pem"
    root = authority.path.read_text()
    if trusted.is_dir():
        name = subject_hash(ssl.PEM_cert_to_DER_cert(root))
        (trusted / f"{name}.0").write_text(root)
    else:
        with trusted.open("a") as bundle:
            bundle.write(root)


def _root(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage("key_cert_sign"), critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    hosts: Sequence[str],
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of the tests")])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return (
        _builder(name, root.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.SubjectAlternativeName([*map(_host, hosts)]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(allowed: str) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name == allowed for name in names})


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
