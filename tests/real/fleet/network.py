"""
A network of our own, in which the packets of one host can be dropped.

Two network namespaces: one for the consumer, the registry and most providers, and one
for a single provider. Two links join them: calls go over the first, and what a provider
and its registry send each other goes over the second. So packets of calls can be dropped
while the registry believes in the provider.
"""

from __future__ import annotations

import shutil
import subprocess

__all__ = ["Namespace", "Network", "unavailable"]

#: Addresses of the two ends of each link: ours, and the provider's.
CALLS = ("10.9.1.1", "10.9.1.2")
REGISTRY = ("10.9.2.1", "10.9.2.2")
#: A network whose packets are lost: it is said to be behind the provider's host.
GONE = "10.10"

_LIMIT_S = 10.0


def unavailable() -> str:
    """
    Return why such a network cannot be made here; empty if it can.
    """
    for program in ("ip", "tc", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"no {program}: apt-get install iproute2 util-linux"
    try:
        with Network() as network:
            network.drop()
    except RuntimeError as error:
        return f"network namespaces are not permitted: {error}"
    return ""


class Namespace:
    """
    A network namespace, which lives as long as a process that does nothing.

    Args:
        inside: the command that makes it.
    """

    def __init__(self, *inside: str) -> None:
        # It says that it is there once the namespace is made, and ends with its input.
        command = [*inside, "sh", "-c", "echo ready; read end"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, **pipes)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            _, error = self._process.communicate()
            raise RuntimeError(error.strip())
        self.pid = str(self._process.pid)
        #: What a command is begun with to run in it.
        self.enter = ("nsenter", "-t", self.pid, "-U", "-n", "--preserve-credentials")

    def run(self, command: str) -> None:
        """
        Run one command in it.
        """
        done = subprocess.run(
            [*self.enter, *command.split()],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr.strip()}")

    def close(self) -> None:
        self._process.communicate()


class Network:
    """
    See the module. Made when the block is entered, and gone when it is left.
    """

    def __init__(self) -> None:
        self._spaces: list[Namespace] = []

    def __enter__(self) -> Network:
        try:
            self.near = self._space("unshare", "-r", "-n")
            self.far = self._space(*self.near.enter, "unshare", "-n")
            for space in (self.near, self.far):
                space.run("ip link set lo up")
            for number, ends in enumerate((CALLS, REGISTRY)):
                self._link(f"link{number}", *ends)
            self.near.run(f"ip route add {GONE}.0.0/16 via {CALLS[1]}")
        except BaseException:
            self.close()
            raise
        return self

    def _space(self, *inside: str) -> Namespace:
        space = Namespace(*inside)
        self._spaces.append(space)
        return space

    def _link(self, name: str, near: str, far: str) -> None:
        self.near.run(f"ip link add {name} type veth peer name {name} netns {self.far.pid}")
        for number, space, own in ((1, self.near, near), (2, self.far, far)):
            space.run(f"ip link set {name} address 02:00:00:00:00:0{number}")
            space.run(f"ip addr add {own}/24 dev {name}")
            space.run(f"ip link set {name} up")
        # Else the link layer notices what only the packets of calls are to suffer.
        self._know(self.near, name, far, 2)
        self._know(self.far, name, near, 1)

    def _know(self, space: Namespace, name: str, other: str, number: int) -> None:
        hardware = f"02:00:00:00:00:0{number}"
        space.run(f"ip neigh replace {other} lladdr {hardware} dev {name} nud permanent")

    def drop(self) -> None:
        """
        Drop all packets of calls, both ways.
        """
        for space in self._spaces:
            # A queue without places.
            space.run("tc qdisc replace dev link0 root pfifo limit 0")

    def pass_on(self) -> None:
        """
        Drop no more.
        """
        for space in self._spaces:
            space.run("tc qdisc del dev link0 root")

    def close(self) -> None:
        for space in reversed(self._spaces):
            space.close()

    def __exit__(self, *error: object) -> None:
        self.close()
