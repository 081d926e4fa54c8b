"""Turns a bundle of trusted certificates into a directory in which OpenSSL finds one by its name.

OpenSSL parses every certificate of a bundle before the first connection. From a directory it reads
only those that a server's chain names. A file's name there is the hash of the certificate's
subject, as `openssl rehash` and `openssl x509 -hash` compute it (X509_NAME_hash: the first four
bytes of SHA-1 over the subject's canonical encoding), and a number that tells equal hashes apart.
It is computed here, because the machine that builds may lack that command.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The marks of what is read here (X.680, X.690).
INTEGER, SEQUENCE, SET, CONTEXT_0 = 0x02, 0x30, 0x31, 0xA0
UTF8_STRING = 0x0C
# Text is compared as UTF-8. OpenSSL reads T61 as Latin-1, as nearly everybody writes it.
TEXT_ENCODINGS = {
    UTF8_STRING: "utf-8",
    0x13: "latin-1",  # PrintableString
    0x14: "latin-1",  # T61String
    0x16: "latin-1",  # IA5String
    0x1A: "latin-1",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class NotACertificate(ValueError):
    """OpenSSL could not read it either."""


class _Element(NamedTuple):
    """One value in DER: its tag, its content, and both as they were encoded."""

    tag: int
    content: bytes
    encoded: bytes


def replace_by_directory(bundle: Path) -> int:
    """Puts a hashed directory in the place of a bundle, under the bundle's own name.

    So whatever asks for the bundle's path gets what is there, and tells by its kind which it is.

    Args:
        bundle: a file of certificates in PEM.

    Returns:
        How many certificates it holds.

    Raises:
        NotACertificate: the bundle holds something else, or nothing.
    """
    certificates = [base64.b64decode(found) for found in _CERTIFICATE.findall(bundle.read_bytes())]
    if not certificates:
        raise NotACertificate(f"{bundle.name} holds no certificate")
    bundle.unlink()
    bundle.mkdir()
    equal_hashes: Counter[str] = Counter()
    for certificate in certificates:
        name = subject_hash(certificate)
        path = bundle / f"{name}.{equal_hashes[name]}"
        path.write_text(ssl.DER_cert_to_PEM_cert(certificate))
        equal_hashes[name] += 1
    return len(certificates)


def subject_hash(certificate: bytes) -> str:
    """The name under which OpenSSL looks for a certificate: eight hexadecimal digits.

    Args:
        certificate: the certificate in DER.

    Raises:
        NotACertificate: its subject cannot be read.
    """
    try:
        canonical = _canonical(_subject(certificate))
    except (ValueError, IndexError) as error:
        raise NotACertificate("the subject of a certificate cannot be read") from error
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return digest[3::-1].hex()


def _subject(certificate: bytes) -> _Element:
    """The subject (RFC 5280, 4.1): the fourth field after the serial number."""
    [whole] = _elements(certificate)
    [to_be_signed, *_] = _elements(whole.content)
    fields = [*_elements(to_be_signed.content)]
    if fields[0].tag == CONTEXT_0:  # the version, which the oldest certificates lack
        del fields[0]
    serial_number, _, _, _, subject, *_ = fields
    if (serial_number.tag, subject.tag) != (INTEGER, SEQUENCE):
        raise ValueError(subject.tag)
    return subject


def _canonical(subject: _Element) -> bytes:
    """The sets of attributes one after the other, each sorted, with their texts folded."""
    sets = []
    for attributes in _elements(subject.content):
        folded = sorted(_fold(attribute) for attribute in _elements(attributes.content))
        sets.append(_encode(SET, b"".join(folded)))
    return b"".join(sets)


def _fold(attribute: _Element) -> bytes:
    """An attribute whose text is in UTF-8, in small letters, and without needless spaces.

    OpenSSL folds ASCII only, as the methods of bytes do: É and a no-break space stay as they are.
    """
    kind, value = _elements(attribute.content)
    if value.tag not in TEXT_ENCODINGS:
        return _encode(SEQUENCE, kind.encoded + value.encoded)
    text = value.content.decode(TEXT_ENCODINGS[value.tag]).encode()
    folded = b" ".join(text.split()).lower()
    return _encode(SEQUENCE, kind.encoded + _encode(UTF8_STRING, folded))


def _elements(encoded: bytes) -> Iterator[_Element]:
    """The values that stand one after the other in DER."""
    at = 0
    while at < len(encoded):
        start, at = at, at + 2
        length = encoded[at - 1]
        if length >= 0x80:  # so many bytes of length follow
            more = length - 0x80
            length = int.from_bytes(encoded[at : at + more])
            at += more
        content = encoded[at : at + length]
        at += length
        yield _Element(encoded[start], content, encoded[start:at])


def _encode(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 + len(digits)]) + digits + content
