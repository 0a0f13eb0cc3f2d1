"""What forgers do to a token by hand, because no library would do it for them."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def segment(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def tampered(token, **claims):
    head, body, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{segment({**said, **claims})}.{signature}"


def hmac_signed(token, secret, kind="JWT"):
    """The key confusion attack: the public key as the secret of HS256, made by hand because PyJWT refuses to."""
    head = segment({"alg": "HS256", "kid": "one", "typ": kind})
    body = token.split(".")[1]
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def pem(key):
    return key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
