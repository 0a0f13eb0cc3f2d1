"""The gateway as it is, with two numbers changed: a head and a body must be complete after one second each, not ten."""

from functools import partial

from gateway import app
from gateway.__main__ import main
from gateway.listener.connection import Connection
from gateway.listener.limits import Limits

if __name__ == "__main__":
    Connection.head_s = 1.0
    app.AgentPlane = partial(app.AgentPlane, limits=Limits(body_s=1.0))  # type: ignore[misc]
    main()
