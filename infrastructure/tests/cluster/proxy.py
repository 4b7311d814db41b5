"""The way through a Service, by the endpoint controller's rule: to Pods that are ready and not about to end.

That controller's own lists stay empty here, since the API server takes no loopback address for an endpoint.
"""

import asyncio
import random
import threading

from control_plane import until

# Seconds between two looks at the list; a node's proxy takes about as long to follow.
SYNC = 0.2


class Proxy:
    """A port of 127.0.0.1 in place of the Service's address."""

    def __init__(self, plane, service):
        self.plane, self.service = plane, service
        self.endpoints, self.address = [], None
        threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True).start()
        until(f"the way to {service} is open", lambda: self.address and self.endpoints, 10)

    async def run(self):
        server = await asyncio.start_server(self.forward, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        while True:
            # After the control plane has ended there is nothing to follow.
            try:
                self.endpoints = await asyncio.to_thread(self.list)
            except OSError:
                self.endpoints = []
            await asyncio.sleep(SYNC)

    def list(self):
        return [(pod["status"]["podIP"], 8080) for pod in self.plane.ready(self.service)]

    async def forward(self, reader, writer):
        try:
            host, port = random.choice(self.endpoints)
            pod_reader, pod_writer = await asyncio.open_connection(host, port)
        except (IndexError, OSError):
            writer.transport.abort()
            return
        await asyncio.gather(copy(reader, pod_writer), copy(pod_reader, writer))


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    else:
        writer.close()
