"""
Calls com.acme.Catalog, a service in Java, over Dubbo's protocol.

Written by `rpcfw java-stubs` from the definition of application catalog-provider.
Do not edit: write it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import rpcfw
from rpcfw.errors import Unimplemented
from rpcfw_hessian import (
    BigInteger,
    Byte,
    Char,
    Float,
    Instant,
    Int,
    Long,
    Short,
    Timestamp,
    java,
    java_type,
)

__all__ = [
    "Catalog",
    "Inner",
    "Item",
    "Kind",
    "Page",
    "Sub",
]


@java("com.acme.Catalog$Item$Inner", names={"class_": "class_"})
@dataclass
class Inner:
    """
    ``com.acme.Catalog.Item.Inner`` in Java.
    """

    class_: str | None = None
    lambda_: Long = 0
    m: Any = None
    subs: Annotated[list[Sub], java_type("com.acme.Catalog$Sub[]")] | None = None


@java("com.acme.Catalog$Item", names={"url": "URL"})
@dataclass
class Item:
    """
    ``com.acme.Catalog.Item`` in Java.
    """

    url: Int | None = None
    from_: Int = 0
    is_ok: bool = False
    item_name: str | None = None
    parent: Item | None = None


Kind = Enum(
    "Kind",
    {
        "A": "A",
        "None": "None",
        "class_": "class_",
        "B": "B",
    },
)
java("com.acme.Catalog$Kind")(Kind)


@java("com.acme.Catalog$Page")
@dataclass
class Page:
    """
    ``com.acme.Catalog.Page`` in Java.
    """

    first: Any = None
    items: list[Any] | None = None
    next: Page | None = None
    number: Int = 0


@java("com.acme.Catalog$Sub", names={"url": "URL"})
@dataclass
class Sub:
    """
    ``com.acme.Catalog.Sub`` in Java.
    """

    url: Int | None = None
    data: bytes | None = None
    deep: list[dict[str, Int]] | None = None
    extra: str | None = None
    from_: Int = 0
    is_ok: bool = False
    item_name: str | None = None
    list_: Annotated[list[Item], java_type("java.util.LinkedList")] | None = None
    parent: Item | None = None
    tree: Annotated[dict[str, Item], java_type("java.util.TreeMap")] | None = None


class Catalog(rpcfw.Service, name="com.acme.Catalog"):
    """
    ``com.acme.Catalog`` in Java.
    """

    # In Java: Item[] array(Item[], long[], int[][])
    @rpcfw.method
    async def array(
        self,
        arg0: Annotated[list[Item], java_type("com.acme.Catalog$Item[]")] | None,
        arg1: Annotated[list[Long], java_type("long[]")] | None,
        arg2: Annotated[list[list[Int]], java_type("int[][]")] | None,
    ) -> Annotated[list[Item], java_type("com.acme.Catalog$Item[]")] | None:
        raise Unimplemented("com.acme.Catalog/array is declared but not written")

    # In Java: Integer async(Integer, Enum, Locale, Calendar)
    @rpcfw.method(
        name="async(java.lang.Integer,java.lang.Enum,java.util.Locale,java.util.Calendar)",
    )
    async def async_(self, arg0: Int | None, arg1: Any, arg2: Any, arg3: Any) -> Int | None:
        raise Unimplemented("com.acme.Catalog/async is declared but not written")

    # In Java: char chars(char, Character, Short, Byte, Float, Boolean)
    @rpcfw.method
    async def chars(
        self,
        arg0: Char,
        arg1: Char | None,
        arg2: Short | None,
        arg3: Byte | None,
        arg4: Float | None,
        arg5: bool | None,
    ) -> Char:
        raise Unimplemented("com.acme.Catalog/chars is declared but not written")

    # In Java: LocalDate date(LocalDateTime, Instant, Duration, OffsetDateTime, ZonedDateTime,
    # Timestamp)
    @rpcfw.method(name="date")
    async def date_(
        self,
        arg0: Annotated[datetime, java_type("java.time.LocalDateTime")] | None,
        arg1: Instant | None,
        arg2: timedelta | None,
        arg3: Annotated[datetime, java_type("java.time.OffsetDateTime")] | None,
        arg4: Annotated[datetime, java_type("java.time.ZonedDateTime")] | None,
        arg5: Timestamp | None,
    ) -> date | None:
        raise Unimplemented("com.acme.Catalog/date is declared but not written")

    # In Java: Item gen(Item)
    @rpcfw.method
    async def gen(self, arg0: Item | None) -> Item | None:
        raise Unimplemented("com.acme.Catalog/gen is declared but not written")

    # In Java: Object generic(Object)
    @rpcfw.method
    async def generic(self, arg0: Any) -> Any:
        raise Unimplemented("com.acme.Catalog/generic is declared but not written")

    # In Java: CompletableFuture later(UUID)
    @rpcfw.method
    async def later(self, arg0: UUID | None) -> Any:
        raise Unimplemented("com.acme.Catalog/later is declared but not written")

    # In Java: void nested(Inner, Sub, Kind, Exception, Class, InputStream, Thing)
    @rpcfw.method(
        name="nested(com.acme.Catalog$Item$Inner,com.acme.Catalog$Sub,com.acme.Catalog$Kind,java.lang.Exception,java.lang.Class,java.io.InputStream,com.acme.Catalog$Thing)",
    )
    async def nested(
        self,
        arg0: Inner | None,
        arg1: Sub | None,
        arg2: Kind | None,
        arg3: Any,
        arg4: Any,
        arg5: Any,
        arg6: Any,
    ) -> None:
        raise Unimplemented("com.acme.Catalog/nested is declared but not written")

    # In Java: Page page(Page, int)
    @rpcfw.method
    async def page(self, arg0: Page | None, arg1: Int) -> Page | None:
        raise Unimplemented("com.acme.Catalog/page is declared but not written")

    # In Java: List raw(Map, Optional)
    @rpcfw.method(name="raw(java.util.Map,java.util.Optional)")
    async def raw(self, arg0: dict[Any, Any] | None, arg1: Any) -> list[Any] | None:
        raise Unimplemented("com.acme.Catalog/raw is declared but not written")

    # In Java: Set<Long> set(Collection<Short>, SortedSet<String>)
    @rpcfw.method(name="set(java.util.Collection,java.util.SortedSet)")
    async def set_(
        self,
        arg0: Annotated[list[Short], java_type("java.util.Collection")] | None,
        arg1: Annotated[set[str], java_type("java.util.TreeSet")] | None,
    ) -> set[Long] | None:
        raise Unimplemented("com.acme.Catalog/set is declared but not written")

    # In Java: Object thing(Object, Number, BigInteger, Serializable)
    @rpcfw.method(
        name="thing(java.lang.Object,java.lang.Number,java.math.BigInteger,java.io.Serializable)",
    )
    async def thing(self, arg0: Any, arg1: Any, arg2: BigInteger | None, arg3: Any) -> Any:
        raise Unimplemented("com.acme.Catalog/thing is declared but not written")

    # In Java: List<Item> wild(List<?>, Map<Integer, List<?>>)
    @rpcfw.method
    async def wild(
        self,
        arg0: list[Any] | None,
        arg1: dict[Int, list[Any]] | None,
    ) -> list[Item] | None:
        raise Unimplemented("com.acme.Catalog/wild is declared but not written")
