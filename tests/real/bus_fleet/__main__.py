"""
``python -m tests.real.bus_fleet FAULT``: run one fault and print its figures.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser

from attrs import asdict

from tests.real.bus_fleet.faults import FAULTS, run
from tests.real.bus_fleet.fleet import BUSES


def main() -> None:
    """
    Run what the command line names.
    """
    parser = ArgumentParser(prog="python -m tests.real.bus_fleet", description=__doc__)
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("--bus", choices=BUSES, default="nats")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the fault lasts")
    parser.add_argument("--consumers", type=int, default=20)
    parser.add_argument("--rate", type=int, default=500, help="calls a second of all consumers")
    given = parser.parse_args()
    found = run(given.fault, given.bus, given.seconds, given.consumers, given.rate)
    sys.stdout.write(json.dumps(asdict(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
