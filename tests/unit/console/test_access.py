"""
Passwords, attempts and sessions.
"""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from rpcfw.console.access.attempts import LoginAttempts
from rpcfw.console.access.roles import Role
from rpcfw.console.access.sessions import Sessions
from rpcfw.console.access.users import User, Users, user_file, user_line, users_in
from rpcfw.errors import SettingsError

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def find(name):
    """
    Return a user of any name.
    """
    return User(name, Role.VIEWER)


class Time:
    """
    Time that a test moves.
    """

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_line_of_a_user(tmp_path):
    """
    What the command prints is what the file needs, and the password is not in it.
    """
    line = user_line("ann", Role.OPERATOR, "correct horse battery", FAST)
    assert "correct" not in line
    content = f"# people\n\n{line}\nvic:viewer:\n".encode()
    found = users_in(tmp_path, content, passwords=True)
    users, ann = Users(lambda: found, FAST), found["ann"]
    assert Role.OPERATOR is ann.role
    assert users.has_password(ann, "correct horse battery")
    assert not users.has_password(ann, "correct horse batter")
    assert not users.has_password(None, "correct horse battery")


def test_users_without_a_password(tmp_path):
    """
    A user without a hash cannot log in, not even with what an unknown user is checked against.
    """
    found = users_in(tmp_path, b"vic:viewer:\n", passwords=False)
    users, vic = Users(lambda: found, FAST), found["vic"]
    assert Role.VIEWER is vic.role
    assert not users.has_password(vic, "")
    assert not users.has_password(vic, "nobody")


def test_mistakes_in_the_file(tmp_path):
    """
    Each mistake is named with its line.
    """
    path = tmp_path / "users.txt"
    text = "ann:boss:\n:viewer:\nbob:viewer:secret\nvic:viewer:\nvic:admin:\neve:$argon2id$x\n"
    with pytest.raises(SettingsError) as caught:
        users_in(path, text.encode(), passwords=True)
    first, second, third, fourth, fifth = caught.value.mistakes
    assert f"{path}:1: expected one of viewer, operator, admin; got 'boss'" == first
    assert second.startswith(f"{path}:2: ")
    assert third.startswith(f"{path}:3: expected NAME:ROLE:HASH")
    assert f"{path}:5: 'vic' is there twice" == fourth
    assert "argon2id" not in fifth


WHOLE = FAST.hash("correct horse battery")


@pytest.mark.parametrize(
    "wrong",
    [
        *(WHOLE[:-1], WHOLE[:-30], WHOLE.rpartition("$")[0], WHOLE[:-3] + "*xx", "$argon2"),
        *(WHOLE.replace("t=1", "t=101"), WHOLE.replace("m=8", "m=4194304")),
    ],
    ids=["cut", "half", "no hash", "no base64", "name only", "long", "large"],
)
def test_a_hash_that_lets_nobody_in(tmp_path, wrong):
    """
    A hash that was cut, or that an attempt to log in would take gigabytes for, is a mistake.
    """
    good = f"ann:admin:{WHOLE}\n"
    assert users_in(tmp_path, good.encode(), passwords=True)["ann"].hash == WHOLE
    with pytest.raises(SettingsError) as caught:
        users_in(tmp_path, f"{good}bob:admin:{wrong}\n".encode(), passwords=True)
    [mistake] = caught.value.mistakes
    assert mistake.startswith(f"{tmp_path}:2: ")
    assert WHOLE[-10:] not in mistake


def test_a_file_that_changes(tmp_path):
    """
    A changed file is in use a second later. A wrong one is not, and the last good one stays.
    """
    time, path = Time(), tmp_path / "users.txt"
    path.write_text(user_line("ann", Role.OPERATOR, "correct horse battery", FAST))
    file = user_file(path, time, lambda: 0.0, passwords=True)
    users = Users(file.current, FAST)
    assert Role.OPERATOR is users.find("ann").role

    path.write_text("ann:operater:\n")
    time.now += 2
    assert Role.OPERATOR is users.find("ann").role
    path.write_text("ann:admin:\n")  # nobody could log in
    time.now += 2
    assert Role.OPERATOR is users.find("ann").role
    path.write_text(user_line("bob", Role.ADMIN, "correct horse battery", FAST))
    assert users.find("bob") is None
    time.now += 2
    assert (None, Role.ADMIN) == (users.find("ann"), users.find("bob").role)
    path.unlink()
    time.now += 2
    assert users.find("bob") is not None


def test_a_file_is_read_at_once_if_somebody_asks(tmp_path):
    """
    A signal has the file read without a wait; a wrong one changes nothing then, either.
    """
    path = tmp_path / "users.txt"
    path.write_text("ann:viewer:\n")
    file = user_file(path, Time(), lambda: 0.0, passwords=False)
    assert ["ann"] == [*file.reload()]
    path.write_text("bob:viewer:\n")
    assert ["ann"] == [*file.current()]
    assert ["bob"] == [*file.reload()]
    path.write_text("bob")
    assert ["bob"] == [*file.reload()]


def test_attempts_that_run_count():
    """
    Attempts that are begun at the same time are limited as those one after another.
    """
    attempts = LoginAttempts(3, 100, Time())
    assert [False, False, False, True] == [attempts.refused("ann", "h") for _ in range(4)]


def test_a_name_is_not_locked_out_from_one_address():
    """
    Failures from one address leave the user another one; failures from many are limited, too.
    """
    attempts = LoginAttempts(3, 1000, Time())
    assert [False, False, False, True] == [attempts.refused("ann", "a") for _ in range(4)]
    assert not attempts.refused("ann", "b")
    refused = [attempts.refused("ann", f"h{number}") for number in range(30)]
    assert [False] * 26 + [True] * 4 == refused


def test_attempts_that_run_are_few():
    """
    Passwords that are checked at a time are limited, whoever sends them.
    """
    attempts = LoginAttempts(10, 2, Time())
    assert [False, False, True] == [attempts.refused(f"u{i}", f"h{i}") for i in range(3)]
    attempts.ended("u0", "h0", succeeded=False)
    assert not attempts.refused("u3", "h3")


def test_a_success_is_no_failure():
    """
    Who logs in rightly may do so as often as they like.
    """
    attempts = LoginAttempts(1, 2, Time())
    for _ in range(5):
        assert not attempts.refused("ann", "h")
        attempts.ended("ann", "h", succeeded=True)


def test_one_network_is_one_address():
    """
    Whoever has a network of IPv6 addresses has no more attempts than others.
    """
    attempts = LoginAttempts(3, 100, Time())
    refused = [attempts.refused(f"u{i}", f"2001:db8::{i}") for i in range(4)]
    assert [False, False, False, True] == refused
    assert not attempts.refused("u5", "2001:db8:0:1::1")


def test_sessions_of_one_user():
    """
    Logging in again and again ends only the user's own oldest session.
    """
    sessions = Sessions(100.0, 10.0, Time(), find)
    other, _ = sessions.begin(find("bob"))
    tokens = [sessions.begin(find("ann"))[0] for _ in range(21)]
    assert sessions.find(other) is not None
    assert [False] + [True] * 20 == [sessions.find(one) is not None for one in tokens]


def test_an_end_is_reported_once():
    """
    What hangs on a session is closed with it.
    """
    time = Time()
    sessions = Sessions(100.0, 10.0, time, find)
    _, session = sessions.begin(find("ann"))
    ended = []
    session.on_end.append(lambda: ended.append(1))
    time.now = 11
    sessions.expire()
    sessions.end(session)
    assert [1] == ended


def test_all_that_hangs_on_a_session_ends():
    """
    What ends with a session may take itself off its list, as a stream of events does.
    """
    sessions = Sessions(100.0, 10.0, Time(), find)
    _, session = sessions.begin(find("ann"))
    ended = []

    def ending(name):
        def end():
            ended.append(name)
            if end in session.on_end:
                session.on_end.remove(end)

        return end

    session.on_end.extend(map(ending, "abc"))
    sessions.end(session)
    assert ["a", "b", "c"] == ended


def test_a_session_follows_its_user():
    """
    A new role holds from the next request; without the user, or with a new password, it ends.
    """
    known = {name: User(name, Role.ADMIN, "a hash") for name in ("ann", "bob", "eve")}
    sessions = Sessions(100.0, 10.0, Time(), known.get)
    tokens = {name: sessions.begin(user)[0] for name, user in known.items()}
    ended = []
    sessions.find(tokens["bob"]).on_end.append(lambda: ended.append("bob"))

    known["ann"] = User("ann", Role.VIEWER, "a hash")
    known["eve"] = User("eve", Role.ADMIN, "another hash")
    del known["bob"]
    assert Role.VIEWER is sessions.find(tokens["ann"]).role
    assert sessions.find(tokens["eve"]) is None
    sessions.expire()
    assert ["bob"] == ended
    assert sessions.find(tokens["bob"]) is None
