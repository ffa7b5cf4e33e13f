"""
The contract of rules, on a real etcd member.
"""

from __future__ import annotations

import json

import pytest
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.testing.contracts.rules import SHOP, RulesContract
from rpcfw_registries.rules.store import record_path
from tests.real.etcd_case import EtcdCase
from tests.real.registry_case import OneServer

pytestmark = pytest.mark.etcd


class TestRules(EtcdCase, OneServer, RulesContract, TestCase):
    limit_s = 20.0
    step_s = 0.02

    async def started_rules(self):
        return (await self.running(self.server.address, root=self.root)).rules()

    async def leave(self):
        self.server.kill()

    async def come_back(self):
        await deferToThread(self.server.serve)

    async def compact(self):
        answer = await self.ctl(self.server, "get", "/", "-w", "json")
        await self.ctl(self.server, "compact", str(json.loads(answer)["header"]["revision"]))

    async def lose_everything(self):
        await self.ctl(self.server, "del", record_path(self.root, SHOP))

    async def store_unreadable(self, scope):
        await self.ctl(self.server, "put", record_path(self.root, scope), "{")
