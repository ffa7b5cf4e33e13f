"""
The limits of password checks.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from rpcfw.console.access.attempts import LoginAttempts
from rpcfw.console.access.password_checks import PasswordChecks
from rpcfw.console.access.roles import Role
from rpcfw.console.access.users import User
from rpcfw.spi.runtime.waiting import spawn


class Threads:
    """
    Threads that end when a test says so.
    """

    def __init__(self):
        self.running = []

    def call(self, function, *args):
        self.running.append(Deferred())
        return self.running[-1]


class Known:
    """
    Users of a test.
    """

    def __init__(self):
        self.users = {"ann": User("ann", Role.ADMIN, "a hash")}

    def find(self, name):
        return self.users.get(name)

    def has_password(self, user, password):
        raise AssertionError("a thread does this")


def checks(max_running=1):
    threads, known = Threads(), Known()
    attempts = LoginAttempts(10, max_running, lambda: 0.0)
    return PasswordChecks(known, attempts, threads), threads, known


def test_a_thread_keeps_its_place_when_the_browser_has_gone():
    """
    The place of an attempt is free when its thread has ended, not when nobody waits any longer.
    """
    checking, threads, _ = checks()
    assert not checking.refused("ann", "h")
    waiting = spawn(checking.verified("ann", "x", "h"))
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    assert checking.refused("ann", "h")
    threads.running[0].callback(False)
    assert not checking.refused("ann", "h")


def test_a_user_who_is_removed_meanwhile():
    """
    A right password does not let in a user who was removed or changed while it was checked.
    """
    checking, threads, known = checks(max_running=3)
    found = []
    for name in ("ann", "bob"):
        assert not checking.refused(name, "h")
        spawn(checking.verified(name, "x", "h")).addCallback(found.append)
    known.users["ann"] = User("ann", Role.VIEWER, "a hash")
    for each in threads.running:
        each.callback(True)
    assert [None, None] == found


def test_a_right_password():
    """
    The user is returned, and the attempt is no failure.
    """
    checking, threads, known = checks()
    found = []
    for _ in range(20):
        assert not checking.refused("ann", "h")
        spawn(checking.verified("ann", "x", "h")).addCallback(found.append)
        threads.running.pop().callback(True)
    assert [known.users["ann"]] * 20 == found
