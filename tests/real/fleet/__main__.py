"""
``python -m tests.real.fleet FAULT [SETTING ...]``: run one fault and print its figures.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser

from tests.real.fleet.faults import FAULTS, run


def main() -> None:
    """
    Run what the command line names.
    """
    parser = ArgumentParser(prog="python -m tests.real.fleet", description=__doc__)
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("sets", nargs="*", help="settings of the consumer, as balancer.plugin=p2c")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the fault lasts")
    parser.add_argument("--registry", choices=("standalone", "zookeeper"), default="standalone")
    parser.add_argument("--wire", choices=("native", "grpc"), default="native")
    given = parser.parse_intermixed_args()
    fault = FAULTS[given.fault]
    found = run(fault, given.seconds, given.sets, given.registry, given.wire)
    sys.stdout.write(json.dumps(found.as_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
