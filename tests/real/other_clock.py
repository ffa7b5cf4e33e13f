"""
``python -m tests.real.other_clock SECONDS COMMAND ...``: rpcfw on a machine whose clock is wrong.
"""

from __future__ import annotations

import sys
import time


def main() -> int:
    """
    Run the command with a time of day that is so many seconds ahead.
    """
    ahead_s = float(sys.argv[1])
    right = time.time
    # Before anybody looks for it.
    time.time = lambda: right() + ahead_s
    from rpcfw.cli.main import main as command

    return command(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
