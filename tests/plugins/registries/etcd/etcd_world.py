"""
etcd in memory: its data, and members that answer for it over pretend wires.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count

from attrs import define, field

from rpcfw.errors import CallError, PermissionDenied, Unauthenticated
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw_registries.etcd.messages import (
    AUTHENTICATE,
    COMPARE_LEASE,
    COMPARE_MOD,
    EVENT_DELETE,
    LEASE_GRANT,
    LEASE_KEEP_ALIVE,
    LEASE_REVOKE,
    RANGE,
    TXN,
    WATCH,
    message,
)
from tests.plugins.registries.wires import WireChannel, Wires, WireStream


def refusal(status, text):
    return CallError(f"etcdserver: {text}", status=status)


@define(eq=False)
class Store:
    """
    The data, as all members have it.
    """

    clock: object
    revision: int = 1
    compacted: int = 0
    keys: dict = field(factory=dict)
    history: list = field(factory=list)
    leases: dict = field(factory=dict)
    lease_ids: count = field(factory=lambda: count(1001))
    watchers: set = field(factory=set)
    #: Password by user; empty: nobody is asked.
    users: dict = field(factory=dict)
    tokens: set = field(factory=set)
    token_ids: count = field(factory=count)
    #: Users whose calls are refused, but for buying tokens.
    banned: set = field(factory=set)
    largest_answer: int = 1 << 40

    # Keys.

    def change(self, *changes):
        """
        Put (key, value, lease) or delete (key, None, 0), all at one revision.
        """
        self.revision += 1
        events = []
        for key, value, lease in changes:
            if value is None:
                del self.keys[key]
                kv = message("KeyValue", key=key, mod_revision=self.revision)
                events.append(message("Event", type=EVENT_DELETE, kv=kv))
            else:
                kv = self.keys[key] = message(
                    "KeyValue", key=key, value=value, lease=lease, mod_revision=self.revision
                )
                events.append(message("Event", kv=kv))
        self.history.append((self.revision, events))
        for watcher in tuple(self.watchers):
            watcher.changed()

    def compact(self):
        """
        Forget how it came to be as it is.
        """
        self.compacted = self.revision
        self.history.clear()

    def reset(self):
        """
        Lose everything, and start anew.
        """
        self.revision, self.compacted = 1, 0
        self.history.clear()
        self.keys.clear()
        self.leases.clear()

    def range(self, request):
        keys = sorted(self.keys_at(request.revision).items())
        end = request.range_end or request.key + b"\0"
        found = [kv for key, kv in keys if request.key <= key < end]
        page = found[: request.limit or None]
        reply = message("RangeResponse", more=len(page) < len(found), count=len(found))
        reply.header.revision = self.revision
        if not request.count_only:
            for kv in page:
                reply.kvs.append(kv)
                if request.keys_only:
                    reply.kvs[-1].ClearField("value")
        if len(reply.SerializeToString()) > self.largest_answer:
            raise CallError("larger than max_receive_bytes", status=Status.RESOURCE_EXHAUSTED)
        return reply

    def keys_at(self, revision):
        if revision and revision < self.compacted:
            raise refusal(Status.OUT_OF_RANGE, "mvcc: required revision has been compacted")
        if revision > self.revision:
            raise refusal(Status.OUT_OF_RANGE, "mvcc: required revision is a future revision")
        if not revision or revision == self.revision:
            return self.keys
        keys = {}
        for at, events in self.history:
            for event in events if at <= revision else ():
                keys.pop(event.kv.key, None)
                if event.type != EVENT_DELETE:
                    keys[event.kv.key] = event.kv
        return keys

    def txn(self, request):
        changes = []
        reply = self._txn(request, changes)
        for _, _, lease in changes:
            if lease and lease not in self.leases:
                raise refusal(Status.NOT_FOUND, "requested lease not found")
        if changes:
            self.change(*changes)
        reply.header.revision = self.revision
        return reply

    def _txn(self, request, changes):
        succeeded = all(map(self._holds, request.compare))
        reply = message("TxnResponse", succeeded=succeeded)
        for operation in request.success if succeeded else request.failure:
            response = reply.responses.add()
            if operation.HasField("request_put"):
                put = operation.request_put
                changes.append((put.key, put.value, put.lease))
            elif operation.HasField("request_delete_range"):
                if operation.request_delete_range.key in self.keys:
                    changes.append((operation.request_delete_range.key, None, 0))
            elif operation.HasField("request_range"):
                response.response_range.CopyFrom(self.range(operation.request_range))
            else:
                response.response_txn.CopyFrom(self._txn(operation.request_txn, changes))
        return reply

    def _holds(self, compare):
        kv = self.keys.get(compare.key)
        if compare.target == COMPARE_MOD:
            return compare.mod_revision == (0 if kv is None else kv.mod_revision)
        assert compare.target == COMPARE_LEASE
        return compare.lease == (0 if kv is None else kv.lease)

    # Leases.

    def grant(self, request):
        lease = next(self.lease_ids)
        self.leases[lease] = (request.TTL, self.clock.callLater(request.TTL, self.expire, lease))
        return message("LeaseGrantResponse", ID=lease, TTL=request.TTL)

    def keep(self, request):
        reply = message("LeaseKeepAliveResponse", ID=request.ID)
        if request.ID in self.leases:
            reply.TTL, ending = self.leases[request.ID]
            ending.reset(reply.TTL)
        return reply

    def revoke(self, request):
        if request.ID not in self.leases:
            raise refusal(Status.NOT_FOUND, "requested lease not found")
        self.leases[request.ID][1].cancel()
        self.expire(request.ID)
        return message("LeaseRevokeResponse")

    def expire(self, lease):
        del self.leases[lease]
        gone = [(key, None, 0) for key, kv in self.keys.items() if kv.lease == lease]
        if gone:
            self.change(*gone)

    # Users.

    def authenticate(self, request):
        if not self.users:
            raise refusal(Status.FAILED_PRECONDITION, "authentication is not enabled")
        if self.users.get(request.name) != request.password:
            raise refusal(
                Status.INVALID_ARGUMENT, "authentication failed, invalid user ID or password"
            )
        token = f"{request.name}.{next(self.token_ids)}"
        self.tokens.add(token)
        return message("AuthenticateResponse", token=token)

    def acquire(self, metadata):
        token = (metadata or {}).get("token", "")
        if not self.users:
            return
        if not token:
            raise refusal(Status.INVALID_ARGUMENT, "user name is empty")
        if token not in self.tokens:
            raise Unauthenticated("etcdserver: invalid auth token")
        if token.partition(".")[0] in self.banned:
            raise PermissionDenied("etcdserver: permission denied")


class FakeChannel(WireChannel):
    def carried(self, message, type):
        return type.FromString(message.SerializeToString())

    def answer(self, there, method, request, metadata):
        if method is not AUTHENTICATE:
            there.acquire(metadata)
        return self.wires.actions[method](request)

    def stream(self, method, request=None, *, options):
        assert method is WATCH
        return FakeStream(self, options.timeout_s, options.metadata)


class Members(Wires):
    """
    Who answers for the store. Each address is up, down or frozen.
    """

    protocol = "grpc"
    channel_class = FakeChannel

    def __init__(self, clock, timers, *addresses):
        super().__init__(clock, timers)
        self.store = Store(clock)
        self.up = set(addresses)
        self.actions = {
            RANGE: self.store.range,
            TXN: self.store.txn,
            LEASE_GRANT: self.store.grant,
            LEASE_KEEP_ALIVE: self.store.keep,
            LEASE_REVOKE: self.store.revoke,
            AUTHENTICATE: self.store.authenticate,
        }

    def at(self, address):
        return self.store if address in self.up else None

    def stop(self, address):
        """
        Have a member gone, and every connection to it with it.
        """
        self.up.discard(address)
        self.lose(address)

    def start(self, address):
        self.up.add(address)

    def thaw(self, address):
        """
        Have a frozen member go on, with what it was asked while it was frozen.
        """
        self.frozen.discard(address)
        held, self.held = self.held, []
        for method, request in held:
            with suppress(CallError):
                self.actions[method](request)

    def asked_for(self, name):
        """
        Return the requests of one method.
        """
        return [request for called, request in self.calls if called == name]


class FakeStream(WireStream):
    """
    One watch.
    """

    def __init__(self, channel, timeout_s, metadata):
        super().__init__(channel, timeout_s)
        self.metadata_sent = metadata
        self._create = None

    async def send(self, request):
        assert self._create is None
        self._create = self.channel.carried(request, WATCH.request_type).create_request
        self.wires.calls.append(("Watch", self._create))
        asked = spawn(self._begin())
        asked.addErrback(lambda failure: self.broken(failure.value))

    async def _begin(self):
        store = await self.wires.reach(self.channel)
        try:
            store.acquire(self.metadata_sent)
        except CallError:
            self.say(created=True, canceled=True, cancel_reason="etcdserver: permission denied")
            return
        self.say(created=True)
        if self._create.start_revision <= store.compacted:
            self.say(canceled=True, compact_revision=store.compacted)
            return
        self._next = self._create.start_revision
        store.watchers.add(self)
        self.changed()

    def changed(self):
        """
        Look at the history from where it was read last.
        """
        create = self._create
        end = create.range_end or create.key + b"\0"
        if self.channel.address in self.wires.frozen:
            return
        for revision, events in self.wires.store.history:
            if revision >= self._next:
                self._next = revision + 1
                told = [one for one in events if create.key <= one.kv.key < end]
                halves = (told[:1], told[1:]) if len(told) > 1 else (told,)
                for half in halves if told else ():
                    self.say(events=half, fragment=create.fragment and half is not halves[-1])

    def say(self, **fields):
        reply = message("WatchResponse", **fields)
        # Ahead of what is told, as etcd's own may be.
        reply.header.revision = self.wires.store.revision
        self.arrive(self.channel.carried(reply, WATCH.response_type))

    def end_asking(self):
        self.wires.store.watchers.discard(self)
