"""
The two source roots; everything else is said in ``setup.cfg``.

``rpcfw`` stands in the root of the repository, the packages of its plugins stand
in ``plugins/``. So does the one module of ours that Twisted looks for in a folder
of its own, so that ``twist rpcfw`` is known.
"""

from __future__ import annotations

from setuptools import find_packages, setup

FAMILIES = find_packages("plugins", include=["rpcfw_*"])

setup(
    packages=[
        *find_packages(include=["rpcfw", "rpcfw.*"]),
        *FAMILIES,
        "twisted.plugins",
    ],
    package_dir={
        **{family: f"plugins/{family.replace('.', '/')}" for family in FAMILIES},
        "twisted.plugins": "plugins/twisted/plugins",
    },
)
