"""
The file with the public keys that JSON Web Tokens are verified with.

It is a JWK Set (RFC 7517, section 5), or public keys and certificates in PEM, one after the
other. Private and symmetric keys are refused: whoever verifies must not be able to sign.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from attrs import field, frozen

__all__ = ["JWTKey", "parse_jwt_keys"]

_MAX_KEYS = 100
_PEM = re.compile(rb"-----BEGIN (PUBLIC KEY|CERTIFICATE)-----\s.*?-----END \1-----", re.DOTALL)


@frozen(eq=False)
class JWTKey:
    """
    One public key.

    Args:
        key: as the package cryptography has it.
        families: what the names of its algorithms begin with.
        id: the ``kid``, empty for none.
        algorithm: the only one that it is for, empty for all of its type.
    """

    key: Any = field(repr=False)
    families: tuple[str, ...]
    id: str = ""
    algorithm: str = ""

    def fits(self, algorithm: str, id: str) -> bool:
        """
        Tell whether it may have made a signature.

        Args:
            id: the ``kid`` of the token, empty for none.
        """
        return (
            algorithm.startswith(self.families)
            and self.algorithm in ("", algorithm)
            and (not id or self.id in ("", id))
        )


class _JWKSet(msgspec.Struct):
    keys: list[dict[str, Any]]


def parse_jwt_keys(content: bytes) -> list[JWTKey]:
    """
    Return the keys of a file.

    Raises:
        ValueError: it has none, or one that cannot be used.
    """
    if b"PRIVATE KEY-----" in content:
        raise ValueError("has a private key; public ones belong here")
    keys = _jwk_set(content) if content.lstrip()[:1] == b"{" else _pem(content)
    if not keys:
        raise ValueError("expected public keys or certificates in PEM, or a JWK Set")
    if len(keys) > _MAX_KEYS:
        raise ValueError(f"has {len(keys)} keys; at most {_MAX_KEYS}")
    return keys


def _key(key: Any, id: str = "", algorithm: str = "") -> JWTKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    for kind, families in (
        (rsa.RSAPublicKey, ("RS", "PS")),
        (ec.EllipticCurvePublicKey, ("ES",)),
        ((ed25519.Ed25519PublicKey, ed448.Ed448PublicKey), ("EdDSA",)),
    ):
        if isinstance(key, kind):
            return JWTKey(key, families, id, algorithm)
    raise ValueError("expected a public key of RSA, of an elliptic curve, or of EdDSA")


def _pem(content: bytes) -> list[JWTKey]:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    keys = []
    for number, match in enumerate(_PEM.finditer(content), 1):
        block = match[0]
        try:
            if match[1] == b"CERTIFICATE":
                keys.append(_key(load_pem_x509_certificate(block).public_key()))
            else:
                keys.append(_key(load_pem_public_key(block)))
        except Exception as error:  # of many kinds, as the library finds fit
            raise ValueError(f"the PEM block number {number} is no public key") from error
    return keys


def _jwk_set(content: bytes) -> list[JWTKey]:
    from jwt import PyJWK

    try:
        entries = msgspec.json.decode(content, type=_JWKSet).keys
    except (ValueError, RecursionError):
        raise ValueError("expected a JWK Set: a JSON object with objects in 'keys'") from None
    keys = []
    for number, entry in enumerate(entries, 1):
        if entry.get("kty") == "oct" or "d" in entry:
            raise ValueError(f"key number {number} is secret; public ones belong here")
        if entry.get("use", "sig") != "sig":
            continue
        id, algorithm = entry.get("kid", ""), entry.get("alg", "")
        try:
            keys.append(_key(PyJWK.from_dict(entry).key, str(id), str(algorithm)))
        except Exception as error:  # of many kinds, as the library finds fit
            raise ValueError(f"key number {number} cannot be used") from error
    return keys
