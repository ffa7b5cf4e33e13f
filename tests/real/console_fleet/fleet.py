"""
Starts the fleet: a registry server, three providers, a consumer, and two consoles.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from argon2 import PasswordHasher

from rpcfw.console.access.roles import Role
from rpcfw.console.access.users import user_line
from tests.real.commands import Module, Running, address_in, registry
from tests.real.ports import free_ports

__all__ = ["IDLE_S", "MANY_INSTANCES", "MANY_SERVICES", "PASSWORD", "Fleet", "large_fleet"]

PASSWORD = "correct horse battery"
#: Weak on purpose: the machine has other things to do.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
#: In the console of the large fleet a session ends soon.
IDLE_S = 2
#: Shares of a grey release are in use where the router is.
_CLIENT = (
    *("[client]", "routers = split"),
    *("[router split]", "shares = 50% version=2.0, 50% version=2.1", "key = argument item"),
)
MANY_SERVICES, MANY_INSTANCES = 200, 10


class Fleet:
    """
    The processes, and where the consoles are. They end with the block.

    Args:
        folder: for their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.users = folder / "users"

    def __enter__(self) -> Fleet:
        with self._stack as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        roles = {"ann": Role.ADMIN, "olaf": Role.OPERATOR, "vera": Role.VIEWER}
        lines = [user_line(name, role, PASSWORD, _HASHER) for name, role in roles.items()]
        self.users.write_text("\n".join(lines) + "\n")
        process, place = registry()
        stack.enter_context(process)
        ports = free_ports(5)
        #: Where the instances of shop.Orders listen.
        self.first, self.second = (f"tcp:127.0.0.1:{port}" for port in free_ports(2))
        self._program(stack, place, "stock", ports[0], "version = 1.4", "zone = north")
        self._program(
            *(stack, place, "orders", ports[1], f"listen = {self.first}"),
            *("version = 2.0", "zone = north"),
        )
        self._program(
            *(stack, place, "orders", ports[2], f"listen = {self.second}"),
            *("version = 2.1", "zone = south"),
        )
        self._program(stack, place, "web", ports[3])
        #: The admin port of the consumer.
        self.web = f"tcp:127.0.0.1:{ports[3]}"
        registry_lines = ("[registry]", "plugin = standalone", f"address = {place}")
        self.console, self.file = self._console(
            *(stack, "console", registry_lines, f"admin = {self.web}", "poll_interval = 500ms")
        )
        many = self._folder / "many"
        many.write_text(large_fleet())
        of_file = ("[registry]", "plugin = file", f"path = {many}")
        self.large, _ = self._console(stack, "large", of_file, f"idle_timeout = {IDLE_S}s")

    def _program(self, stack: ExitStack, place: str, role: str, admin: int, *server: str) -> None:
        file = self._folder / f"{role}-{admin}.ini"
        listen = () if any("listen" in line for line in server) else ("listen = tcp:127.0.0.1:0",)
        tags = f"tags = admin=tcp:127.0.0.1:{admin}, application={role}"
        lines = ["[app]", f"name = {role}", "[registry]", "plugin = standalone"]
        lines += [f"address = {place}", "[admin]", f"listen = tcp:127.0.0.1:{admin}"]
        lines += _CLIENT
        lines += ["[server]", *listen, *server, tags, "builtin = schema"] if server else []
        file.write_text("\n".join(lines) + "\n")
        stack.enter_context(Module("tests.real.console_fleet.shop", role, file))

    def _console(
        self, stack: ExitStack, name: str, registry_lines: Sequence[str], *lines: str
    ) -> tuple[str, Path]:
        file = self._folder / f"{name}.ini"
        listen = "listen = tcp:127.0.0.1:0"
        written = [*registry_lines, *_CLIENT, "[console]", listen, f"users = {self.users}", *lines]
        file.write_text("\n".join(written) + "\n")
        # So that places in it are shown as on any machine.
        command = ("console", "-c", file.name, "--log-level", "warn")
        console = stack.enter_context(Running(*command, folder=self._folder))
        started = console.line()
        assert started, console.wait()
        return f"http://{address_in(started)}", file


def large_fleet() -> str:
    """
    Return the file of a registry with many services.
    """
    return "".join(
        f"shop.team{service % 20}.Service{service:03} = "
        + ", ".join(
            f"tcp:10.{service}.0.{number}:2200 version=1.{number % 3} zone=z{number % 2}"
            for number in range(MANY_INSTANCES)
        )
        + "\n"
        for service in range(MANY_SERVICES)
    )
