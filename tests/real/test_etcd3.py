"""
The etcd registry on the package etcd3: the same tests as on our own gRPC.

They need an environment of their own, since that package needs an old protobuf:
``tox -e etcd3``.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.real import test_etcd_application as application
from tests.real import test_etcd_auth as auth
from tests.real import test_etcd_contract as contract
from tests.real import test_etcd_ensemble as ensemble
from tests.real import test_etcd_failures as failures

if find_spec("etcd3") is None:
    pytest.skip("needs the package etcd3: tox -e etcd3", allow_module_level=True)

pytestmark = pytest.mark.etcd


class TestContract(contract.TestContract):
    client = "etcd3"


class TestFailures(failures.TestFailures):
    client = "etcd3"


class TestEnsemble(ensemble.TestEnsemble):
    client = "etcd3"
    # Longer than a lease lasts; what is longer still is tried with our own client.
    without_quorum_s = 4
    without_anybody_s = 8


class TestUsers(auth.TestUsers):
    client = "etcd3"


class TestTLS(auth.TestTLS):
    client = "etcd3"


class TestApplications(application.TestApplications):
    more = ("registry.client=etcd3",)
