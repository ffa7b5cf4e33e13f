"""
The programs of the page on asyncio, web frameworks, notebooks and workers.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.house.tree import ROOT
from tests.real.commands import LIMIT_S, Running, environment, registry
from tests.real.documents import files_of
from tests.requirements import require

#: Runs a file as IPython runs cells: in a loop that belongs to another, with await at the top.
CELLS = """
import ast, asyncio, inspect, sys
async def run(text):
    code = compile(text, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, {})
    if inspect.isawaitable(waiting):
        await waiting
asyncio.run(run(open(sys.argv[1]).read()))
"""

#: Two workers of gunicorn's kind: the module is loaded first, the hooks run in the children.
WORKERS = """
import os
import gunicorn_conf, wsgi_app
for name in "bob", "alice":
    child = os.fork()
    if not child:
        gunicorn_conf.post_worker_init(None)
        environ = {"QUERY_STRING": f"name={name}"}
        body = wsgi_app.application(environ, lambda status, headers: print(status, end=" "))
        print(*body, flush=True)
        gunicorn_conf.worker_exit(None, None)
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """
    A folder with the page's files, and its provider running.
    """
    folder = tmp_path_factory.mktemp("asyncio")
    node, node_at = registry()
    for name, text in files_of("docs/asyncio.md").items():
        (folder / name).write_text(text.replace("127.0.0.1:2210", node_at))
    with node, Running("serve", "-c", folder / "provider.ini", "--log-level", "error") as provider:
        assert provider.line().startswith("serving demo.Greeter")
        yield folder


def printed(folder, *arguments):
    """
    Run Python in the folder; return what it prints.
    """
    paths = environment()["PYTHONPATH"]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=f"{folder}:{paths}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_a_program(folder):
    """
    Calls are awaited beside what belongs to asyncio.
    """
    assert "hello bob, hello alice\n" == printed(folder, "asyncio_program.py")


@pytest.mark.parametrize("name", ["notebook_async.py", "notebook_blocking.py"])
def test_a_notebook(folder, name):
    """
    Both kinds of application work in a notebook's cells.
    """
    assert "hello bob\n" == printed(folder, "-c", CELLS, name)


def test_workers_of_a_pool(folder):
    """
    Each process of a pool has an application of its own.
    """
    assert "hello bob, hello alice\n" == printed(folder, "workers.py")


def test_workers_of_wsgi(folder):
    """
    Each worker makes an application of its own in the hooks of its server.
    """
    expected = "200 OK b'hello bob'\n200 OK b'hello alice'\n"

    assert expected == printed(folder, "-c", WORKERS)


@pytest.mark.parametrize(
    ("module", "package", "answer"),
    [
        ("fastapi_app", "fastapi", '200 "hello bob"\n200 "hello alice"\n'),
        ("django_asgi", "django", "200 hello bob\n200 hello alice\n"),
    ],
)
def test_a_web_framework(folder, module, package, answer):
    """
    The application runs from the lifespan's startup to its shutdown, and requests call by it.
    """
    require(find_spec(package), f"pip install {package}")
    program = str(ROOT / "tests" / "real" / "asgi.py")
    targets = "/hello?name=bob", "/hello?name=alice"

    assert answer == printed(folder, program, f"{module}:application", *targets)
