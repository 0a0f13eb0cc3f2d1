"""The agent plane as an OAuth 2.1 protected resource: RFC 9728 documents and RFC 6750 challenges.

Lives only here: what a client without a credential is told so that it can get one, and reading the one it sent. Must not
know whether a credential is good: identity proves. Called by `plane`.
"""

from collections.abc import Sequence

from gateway.listener.door import Metadata, Place, Service
from gateway.listener.head import Head
from gateway.listener.render import JSON, Answer, Headers
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.wire.strict_json import dump


def credential(head: Head) -> str | Refusal | None:
    """The bearer credential; None when there is no Authorization header.

    A header that is no single bearer credential is refused: taken for absent it would turn a mistaken caller into an
    anonymous one. So are two words on who the user is, of which only one could be heard.
    """
    if "sallyport-user" in head.repeated:
        return Refusal(Reason.UNAUTHENTICATED, "There is more than one Sallyport-User header.")
    sent = head.get("authorization")
    if sent is None:
        return None
    scheme, _, token = sent.partition(" ")
    token = token.strip()
    if "authorization" in head.repeated or scheme.lower() != "bearer" or not token or " " in token:
        return Refusal(Reason.UNAUTHENTICATED, "The Authorization header is not one Bearer credential.")
    return token


def document(head: Head, about: Metadata, issuers: Sequence[str]) -> Answer:
    """The document of one endpoint (RFC 9728 §2). Raises Refused: not-found where no issuer is configured."""
    if not issuers:
        raise Refused(Reason.NOT_FOUND, "No token issuer is configured here; use an API key.")
    told = {
        "resource": _origin(head) + about.path,
        "authorization_servers": list(issuers),
        "bearer_methods_supported": ["header"],
    }
    return Answer(200, dump(told), JSON)


def challenge(head: Head, found: Place | None, refusal: Refusal, issuers: Sequence[str]) -> Headers:
    """`WWW-Authenticate` for the refusals that another credential would cure (RFC 6750 §3, RFC 9728 §5.1).

    All paths of a plain HTTP upstream are one resource.
    """
    match refusal.reason:
        case Reason.UNAUTHENTICATED:
            error = ', error="invalid_token"' if head.get("authorization") is not None else ""
        case Reason.INSUFFICIENT_SCOPE:
            error = ', error="insufficient_scope"'
        case _:
            return ()
    path = found.root if isinstance(found, Service) else head.path
    where = f', resource_metadata="{_origin(head)}/.well-known/oauth-protected-resource{path}"' if issuers else ""
    return ((b"www-authenticate", f'Bearer realm="sallyport"{where}{error}'.encode("latin-1")),)


def _origin(head: Head) -> str:
    # The Host header has passed the door's allow-list, so nobody chooses where this points.
    return f"{head.scheme}://{(head.get('host') or '').lower()}"
