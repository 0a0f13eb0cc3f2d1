"""A uvicorn server that says where it listens."""

import socket

import uvicorn


class AnnouncingServer(uvicorn.Server):
    """Prints `listening on URL` once it does: with port 0 nobody knows before."""

    def __init__(self, config: uvicorn.Config, path: str) -> None:
        super().__init__(config)
        self._path = path

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in self.servers:
            host, port = listener.sockets[0].getsockname()[:2]
            print(f"listening on http://{host}:{port}{self._path}", flush=True)
