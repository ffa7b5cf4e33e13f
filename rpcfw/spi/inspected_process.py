"""
What a process shows of itself as a whole, to the pages of its admin port.

It is for reading, as `rpcfw.spi.inspection` is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from rpcfw.spi.inspection import Inspection

__all__ = ["InspectedProcess", "OptionValue"]


@frozen
class OptionValue:
    """
    One option of the configuration, as it is now.

    Args:
        section: as in the INI, ``client demo.Greeter``.
        name: of the option.
        value: its text; that of a secret is masked.
        source: where it came from: ``default``, ``FILE:LINE``, ``environment NAME``,
            ``--set NAME``, or a rule.
    """

    section: str
    name: str
    value: str
    source: str


class InspectedProcess(ABC):
    """
    One process.
    """

    @property
    @abstractmethod
    def application(self) -> str:
        """
        The name of the application, ``[app] name``.
        """

    @property
    @abstractmethod
    def run_id(self) -> str:
        """
        16 random hexadecimal digits, made at the start.

        Who reads the pages knows by it that two addresses are of one process, or that a process
        was started again. The number that the system gives a process is not unique: in most
        containers it is 1.
        """

    @property
    @abstractmethod
    def started_at(self) -> float:
        """
        When the process was started, in seconds since 1970.
        """

    @property
    @abstractmethod
    def uptime_s(self) -> float:
        """
        Seconds since then, also if the time of day was changed.
        """

    @property
    @abstractmethod
    def phase(self) -> str:
        """
        The phase of the server.

        One of ``starting``, ``listening``, ``ready``, ``announced``, ``offline``, ``draining``
        and ``stopped``. A process that serves nothing is ``starting``, ``ready`` or ``draining``.
        """

    @property
    @abstractmethod
    def ready(self) -> bool:
        """
        Whether the phase is one in which calls are welcome.
        """

    @property
    @abstractmethod
    def inspection(self) -> Inspection:
        """
        The server, and what the process calls.
        """

    @abstractmethod
    def options(self) -> tuple[OptionValue, ...]:
        """
        Return each option of the configuration, as it is now.
        """
