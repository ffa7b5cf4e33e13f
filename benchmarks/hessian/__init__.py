"""
How long Hessian takes: beside other libraries, an order and a list of 1,000 orders.
"""

from __future__ import annotations

from benchmarks.hessian.table import hessian

__all__ = ["hessian"]
