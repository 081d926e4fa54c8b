"""The artifact's trusted authorities: OpenSSL finds each of them, and trusts nobody else."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import certifi
import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type as Asn1Type

from gaussdb_backup.errors import ConfigurationError
from gaussdb_backup.http_client.transport import NotSent, ResponseLost, Transport
from tests.local_cloud.certificates import Authority
from tests.local_cloud.emulator.responses import Response
from tests.local_cloud.emulator.server import Listener, Transmission
from trusted_authorities import NotACertificate, replace_by_directory, subject_hash

if TYPE_CHECKING:
    from collections.abc import Callable

OPENSSL: Final = shutil.which("openssl")
O, OU, CN, C, DC, SERIAL, ID = (  # noqa: E741 - their names in X.520
    x509.NameOID.ORGANIZATION_NAME,
    x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
    x509.NameOID.COMMON_NAME,
    x509.NameOID.COUNTRY_NAME,
    x509.NameOID.DOMAIN_COMPONENT,
    x509.NameOID.SERIAL_NUMBER,
    x509.NameOID.X500_UNIQUE_IDENTIFIER,
)


def text(oid: x509.ObjectIdentifier, value: str, kind: Asn1Type) -> x509.NameAttribute[str]:
    """An attribute whose text is encoded in one of ASN.1's ways."""
    return x509.NameAttribute(oid, value, kind, _validate=False)


def one(kind: Asn1Type, value: str) -> x509.Name:
    """A subject of one text, of a kind of which X.520 bounds no length."""
    return x509.Name([text(O, value, kind)])


def named(common_name: str) -> x509.Name:
    """A subject of the most usual kind."""
    return x509.Name([text(CN, common_name, Asn1Type.UTF8String)])


SUBJECTS: Final = {
    "UTF-8": one(Asn1Type.UTF8String, "Autorité ÉLECTRONIQUE 認証局 😀"),
    "T61": one(Asn1Type.T61String, "Autorité de ÇA"),
    "BMP": one(Asn1Type.BMPString, "Főtanúsítvány 認証局"),
    "Universal": one(Asn1Type.UniversalString, "Root 😀 ÄÖ"),
    "IA5 and printable": x509.Name(
        [text(DC, "Example", Asn1Type.IA5String), text(C, "DE", Asn1Type.PrintableString)]
    ),
    "numeric": one(Asn1Type.NumericString, "1  2"),
    "spaces": one(Asn1Type.UTF8String, " \t Root \t\n\v\f\r  CA\N{NO-BREAK SPACE}  R1 \n "),
    "spaces only": one(Asn1Type.UTF8String, " \t "),
    "capitals": one(Asn1Type.PrintableString, "ROOT CA of All"),
    "no text": one(Asn1Type.UTF8String, ""),
    "a NUL": one(Asn1Type.UTF8String, "Root\0CA"),
    "bits": x509.Name([x509.NameAttribute(ID, b"\x01\x02", Asn1Type.BitString)]),
    "several attributes in one set": x509.Name(
        [
            x509.RelativeDistinguishedName(
                [
                    text(SERIAL, "000042", Asn1Type.PrintableString),
                    text(OU, "Zertifizierung  ÜBER alles", Asn1Type.UTF8String),
                    text(CN, "Root CA", Asn1Type.T61String),
                ]
            ),
            x509.RelativeDistinguishedName(
                [text(O, "Z", Asn1Type.UTF8String), text(O, "a", Asn1Type.UTF8String)]
            ),
        ]
    ),
    "no attribute": x509.Name([]),
    "long": x509.Name([text(OU, "Unit " * 60, Asn1Type.UTF8String) for _ in range(300)]),
}
# Found by trying: the SHA-1 of both begins with the same four bytes.
EQUAL_HASHES: Final = ("root 14246", "root 75831")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bundle of the machine that the tests run on."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Transport]:
    """Makes a transport that trusts some authorities, as the build lays them out."""

    def make(*authorities: Authority) -> Transport:
        bundle = tmp_path / "cacert.pem"
        bundle.write_bytes(b"# a comment\n".join(one.path.read_bytes() for one in authorities))
        replace_by_directory(bundle)
        monkeypatch.setattr(
            "gaussdb_backup.http_client.transport.DEFAULT_CA_BUNDLE_PATH", str(bundle)
        )
        transport = Transport()
        transport.load_trusted_authorities()
        return transport

    return make


def status(transport: Transport, authority: Authority, host: str = "127.1") -> int:
    """The status of a request to a server for which an authority vouches."""
    listener = Listener(lambda _: Transmission(Response(204)), authority.context())
    try:
        url = f"https://{host}:{listener.port}/"
        return transport.send("GET", url, seconds=5, headers={}).status
    finally:
        listener.close()


def openssl_hash(certificate: bytes) -> str:
    """The name that OpenSSL's own command gives a certificate."""
    if not OPENSSL:
        pytest.skip("the openssl command is not installed")
    command = [OPENSSL, "x509", "-inform", "DER", "-hash", "-noout"]
    return (
        subprocess.run(command, input=certificate, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


def certificate(authority: Authority) -> bytes:
    """Its root in DER."""
    return ssl.PEM_cert_to_DER_cert(authority.path.read_text())


def test_each_authority_of_the_bundle_is_found_under_openssl_s_own_name(tmp_path: Path) -> None:
    """All of certifi's, each once, and nothing else."""
    bundle = Path(shutil.copy(certifi.where(), tmp_path / "cacert.pem"))
    count = bundle.read_text().count("BEGIN CERTIFICATE")
    expected = bundle_of(bundle)
    assert replace_by_directory(bundle) == count > 100
    found = {path.name: ssl.PEM_cert_to_DER_cert(path.read_text()) for path in bundle.iterdir()}
    assert sorted(found.values()) == sorted(expected)
    for name, content in found.items():
        assert name == f"{openssl_hash(content)}.0"


def bundle_of(path: Path) -> list[bytes]:
    """The certificates of a bundle in DER, as OpenSSL reads them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return context.get_ca_certs(binary_form=True)


def test_two_layouts_are_the_same(tmp_path: Path) -> None:
    """Names and bytes follow from the bundle."""
    layouts = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        bundle = Path(shutil.copy(certifi.where(), tmp_path / folder))
        replace_by_directory(bundle)
        layouts.append({path.name: path.read_bytes() for path in bundle.iterdir()})
    assert layouts[0] == layouts[1]


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_a_root_with_an_odd_subject_has_openssl_s_own_name(
    tmp_path: Path, subject: x509.Name
) -> None:
    """Whatever the encoding of its texts, and however they are spaced and written."""
    root = certificate(Authority(tmp_path, subject))
    assert subject_hash(root) == openssl_hash(root)


@pytest.mark.parametrize("subject", [SUBJECTS[name] for name in SUBJECTS if name != "no attribute"])
def test_a_server_under_a_root_with_an_odd_subject_verifies(
    tmp_path: Path, trusting: Callable[..., Transport], subject: x509.Name
) -> None:
    """OpenSSL finds its root by the issuer in the server's certificate."""
    authority = Authority(tmp_path, subject)
    assert status(trusting(authority), authority) == 204


@pytest.mark.parametrize("names", [EQUAL_HASHES, ("one root", "one root")])
def test_roots_with_equal_hashes_are_both_trusted(
    tmp_path: Path, trusting: Callable[..., Transport], names: tuple[str, str]
) -> None:
    """Those of two names, and the old and the new root of one."""
    authorities = [
        Authority(folder(tmp_path, number), named(name)) for number, name in enumerate(names)
    ]
    for first in (authorities, authorities[::-1]):
        transport = trusting(*authorities)
        assert [status(transport, authority) for authority in first] == [204, 204]
        shutil.rmtree(tmp_path / "cacert.pem")


def folder(parent: Path, number: int) -> Path:
    """A folder of its own."""
    made = parent / str(number)
    made.mkdir()
    return made


def test_a_foreign_root_is_refused(tmp_path: Path, trusting: Callable[..., Transport]) -> None:
    """Also one that has the name of a root that is trusted."""
    trusted, foreign = (Authority(folder(tmp_path, number)) for number in (0, 1))
    other = Authority(folder(tmp_path, 2), named("another root"))
    transport = trusting(trusted)
    for authority in (foreign, other):
        with pytest.raises(NotSent):
            status(transport, authority)
    assert status(transport, trusted) == 204


def test_a_wrong_host_is_refused(tmp_path: Path, trusting: Callable[..., Transport]) -> None:
    """An authority vouches for names: this one is the same machine, and none of them."""
    authority = Authority(tmp_path)
    with pytest.raises(NotSent):
        status(trusting(authority), authority, "127.0.1")


def test_a_server_without_tls_is_refused(
    tmp_path: Path, trusting: Callable[..., Transport]
) -> None:
    """Nor is it spoken to without."""
    transport = trusting(Authority(tmp_path))
    listener = Listener(lambda _: Transmission(Response(204)))
    with pytest.raises((NotSent, ResponseLost)):
        transport.send("GET", f"https://127.1:{listener.port}/", seconds=5, headers={})
    listener.close()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("kind", ["bundle", "directory"])
def test_the_environment_s_own_bundle_takes_the_place_of_the_directory(
    tmp_path: Path,
    trusting: Callable[..., Transport],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    kind: str,
) -> None:
    """As with `requests`: whoever it names is trusted, and nobody else."""
    ours, theirs = (Authority(folder(tmp_path, number)) for number in (0, 1))
    transport = trusting(ours)
    if kind == "directory":
        replace_by_directory(theirs.path)
    monkeypatch.setenv(variable, str(theirs.path))
    assert status(transport, theirs) == 204
    with pytest.raises(NotSent):
        status(transport, ours)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_openssl_s_own_variables_add_nobody(
    tmp_path: Path,
    trusting: Callable[..., Transport],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    """`requests` does not heed them."""
    ours, theirs = (Authority(folder(tmp_path, number)) for number in (0, 1))
    if variable == "SSL_CERT_DIR":
        replace_by_directory(theirs.path)
    monkeypatch.setenv(variable, str(theirs.path))
    transport = trusting(ours)
    with pytest.raises(NotSent):
        status(transport, theirs)
    assert status(transport, ours) == 204


@pytest.mark.parametrize("damage", ["missing", "emptied", "an empty bundle", "no bundle"])
def test_without_authorities_nothing_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """The error says what is wrong and where, and no connection goes unverified."""
    path = tmp_path / "cacert.pem"
    if damage == "emptied":
        path.mkdir()
    elif damage == "an empty bundle":
        path.touch()
    elif damage == "no bundle":
        path.write_text("this is none\n")
    monkeypatch.setattr("gaussdb_backup.http_client.transport.DEFAULT_CA_BUNDLE_PATH", str(path))
    transport = Transport()
    with pytest.raises(ConfigurationError, match=r"^the trusted authorities .*cacert\.pem"):
        transport.load_trusted_authorities()
    authority = Authority(tmp_path)
    with pytest.raises(ConfigurationError):
        status(transport, authority)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is none",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_bundle_is_not_laid_out(tmp_path: Path, content: bytes) -> None:
    """The build fails rather than to leave a directory in which nothing is found."""
    bundle = tmp_path / "cacert.pem"
    bundle.write_bytes(content)
    with pytest.raises(NotACertificate):
        replace_by_directory(bundle)
