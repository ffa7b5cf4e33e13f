"""
``python -m tests.real.rule_fleet PLACE``: put rules while a fleet follows; print the figures.

First some documents one after the other. Then the processes are stopped, so that ZooKeeper
ends their sessions, and a document is put meanwhile. Then the place is lost, as a cluster its
quorum, and comes back; until then the fleet keeps the last document.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.real.rule_fleet.fleet import Fleet
from tests.real.rule_fleet.places import PLACES, Place, place_of

_STOPPED_S = 5.0


def main() -> None:
    """
    Run what the command line names.
    """
    parser = ArgumentParser(prog="python -m tests.real.rule_fleet", description=__doc__)
    parser.add_argument("place", choices=PLACES)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--each", type=int, default=10, help="consumers in a process")
    parser.add_argument("--puts", type=int, default=20)
    parser.add_argument("--away", type=float, default=10.0, help="seconds without the place")
    given = parser.parse_args()
    with (
        TemporaryDirectory() as folder,
        place_of(given.place, Path(folder)) as (place, file),
        Fleet(file, given.processes, given.each) as fleet,
    ):
        found = {
            "place": given.place,
            "consumers": fleet.size,
            "put": _put(fleet, given.puts),
            "stopped": _stopped(fleet, place, given.puts + 1),
            "away": _away(fleet, place, given.away, given.puts + 2),
        }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def _put(fleet: Fleet, count: int) -> dict[str, Any]:
    """
    Put documents; return after how long the last consumer had each in use.
    """
    slowest = []
    for number in range(1, count + 1):
        fleet.put(number)
        slowest.append(fleet.until_used(number)[-1] - fleet.put_at())
    used = fleet.used()
    assert all(one == [*map(float, range(1, count + 1))] for one in used), used
    return {"slowest_s": round(max(slowest), 3), "median_s": round(median(slowest), 3)}


def _stopped(fleet: Fleet, place: Place, number: int) -> dict[str, Any]:
    """
    Put a document while no consumer runs, for longer than a session of theirs lasts.
    """
    fleet.forget()
    fleet.freeze()
    fleet.put(number)
    place.forget_history()
    time.sleep(_STOPPED_S)
    at = fleet.thaw()
    slowest_s = fleet.until_used(number)[-1] - at
    assert all(one == [float(number)] for one in fleet.used()), fleet.used()
    return {"stopped_s": _STOPPED_S, "then_slowest_s": round(slowest_s, 3)}


def _away(fleet: Fleet, place: Place, away_s: float, number: int) -> dict[str, Any]:
    """
    Lose the place, then put one document more.
    """
    fleet.forget()
    place.lose()
    time.sleep(away_s)
    assert not any(fleet.used()), "something was put in use without a place"
    began_at = time.monotonic()
    place.come_back()
    back_s = time.monotonic() - began_at
    place.forget_history()
    fleet.put(number)
    slowest_s = fleet.until_used(number)[-1] - fleet.put_at()
    assert all(one == [float(number)] for one in fleet.used()), fleet.used()
    return {
        "away_s": away_s,
        "until_it_answers_s": round(back_s, 2),
        "then_slowest_s": round(slowest_s, 3),
        "log_lines": len(fleet.lines()),
    }


if __name__ == "__main__":
    main()
