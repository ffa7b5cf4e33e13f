"""
How tests run programs in Java: so that they start fast, since none of them lives long.
"""

from __future__ import annotations

import os

__all__ = ["JAVA", "maven_environment"]

#: One compiler and one thread for garbage. A start takes half of the processor's time then.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
#: The command, to which a program adds its own options.
JAVA = ("java", *QUICK)


def maven_environment() -> dict[str, str]:
    """
    Return the environment for Maven, which is a program in Java, too.
    """
    given = os.environ.get("MAVEN_OPTS", "")
    return {**os.environ, "MAVEN_OPTS": " ".join((*QUICK, given)).strip()}
