"""
The two source roots; everything else is said in ``setup.cfg``.

``rpcfw`` stands in the root of the repository, the packages of its plugins stand
in ``plugins/``. So does the one module of ours that Twisted looks for in a folder
of its own, so that ``twist rpcfw`` is known.
"""

from __future__ import annotations

from setuptools import find_packages, setup

#: The families and what is in them.
PLUGINS = find_packages("plugins", include=["rpcfw_*"])

setup(
    packages=[
        *find_packages(include=["rpcfw", "rpcfw.*"]),
        *PLUGINS,
        "twisted.plugins",
    ],
    package_dir={
        **{name: f"plugins/{name.replace('.', '/')}" for name in PLUGINS},
        "twisted.plugins": "plugins/twisted/plugins",
    },
)
