"""
Calling a method, and explaining where a call would go.
"""

from __future__ import annotations

from typing import Any

from rpcfw.app.tools.call_text import decoded, metadata_pair
from rpcfw.console.access.roles import Role
from rpcfw.console.calling import call_method
from rpcfw.console.forms import PREFIX, FormMethod
from rpcfw.console.http.messages import Response
from rpcfw.console.invocation import of_json
from rpcfw.console.routes import Changed, Rejected, Route, Visit
from rpcfw.console.templating import Whole
from rpcfw.errors import SettingsError
from rpcfw.values.call_options import CallOptions
from rpcfw.values.instance import Instance
from rpcfw.values.metadata import STRICT
from rpcfw.values.method import Method, Shape

__all__ = ["ROUTES"]

#: For the instances to be known and connected, before a call is explained.
_EXPLAIN_S = 3.0
#: All of them are connected to, whoever asks.
_MAX_EXPLAINED = 1000
_MAX_METADATA = 50
#: Instances that can be chosen for a call.
_MAX_INSTANCES = 500


def _values(visit: Visit) -> dict[str, Any]:
    """
    Return what the form shows again.
    """
    service = visit.asked("service")
    instances = visit.console.fleet.instances(service)
    return {
        "service": service,
        "method": visit.asked("method"),
        "request": Whole(visit.asked("request") or "{}"),
        "metadata": Whole(visit.asked("metadata")),
        "to": visit.asked("to"),
        "stream": bool(visit.asked("stream")),
        "caller": visit.asked("caller"),
        "problem": "",
        "names": list(visit.console.fleet.names[:1000]),
        "instances": instances[:_MAX_INSTANCES],
        "methods": sorted({name for one in instances for name in one.methods}),
    }


def _named(visit: Visit) -> tuple[str, str]:
    service, method = visit.asked("service"), visit.asked("method")
    if not service or not method or "/" in method:
        raise SettingsError("name a service and a method")
    return service, method


def _metadata(visit: Visit) -> list[tuple[str, str | bytes]]:
    lines = [line.strip() for line in visit.asked("metadata").splitlines() if line.strip()]
    if len(lines) > _MAX_METADATA:
        raise SettingsError(f"expected at most {_MAX_METADATA} lines of metadata")
    try:
        return [metadata_pair(line) for line in lines]
    except ValueError as error:
        raise SettingsError(f"metadata: {error}") from None


def _request(visit: Visit, form: FormMethod | None = None) -> Any:
    """
    Return the request: of the fields, unless somebody has written JSON.
    """
    if form is not None and form.fields is not None and visit.asked("as") == "fields":
        return form.request(visit.request.form)
    return decoded((visit.asked("request") or "{}").encode(), "the request")


def _instance(visit: Visit) -> Instance | None:
    id = visit.asked("to")
    if not id:
        return None
    found = visit.console.fleet.instance(visit.asked("service"), id)
    if found is None:
        raise SettingsError(f"there is no instance {id[:100]} any longer; choose another one")
    return found


async def _shown(visit: Visit, status: int = 200, **more: Any) -> Response:
    """
    Return the page, with the fields of the method that is chosen.
    """
    values = {**_values(visit), **more}
    methods = await visit.console.schemas.methods(values["service"]) if values["service"] else []
    names = {*values["methods"], *(each.name for each in methods)}
    values["methods"] = sorted(names)
    form = next((each for each in methods if each.name == values["method"]), None)
    return visit.page(
        "call.html",
        status,
        title="Call a method",
        form=form,
        typed=visit.request.form,
        prefix=PREFIX,
        **{"result": None, "responses": [], **values},
    )


async def _form(visit: Visit) -> Response:
    return await _shown(visit)


async def _call(visit: Visit) -> Changed:
    what = f"call {visit.asked('service')}/{visit.asked('method')}"
    try:
        called, pairs = _named(visit), _metadata(visit)
        methods = await visit.console.schemas.methods(called[0])
        form = next((each for each in methods if each.name == called[1]), None)
        request = _request(visit, form)
        instance = _instance(visit)
        options = CallOptions(visit.console.options.call_timeout, [*pairs, (STRICT, "1")])
        invocation = None if form is None else form.invocation
        if invocation is None:
            stream = bool(visit.asked("stream")) or (form is not None and form.streams)
            invocation = of_json(*called, stream=stream)
        application = visit.console.application
        result = await call_method(application, invocation, request, options, instance)
    except SettingsError as error:
        response = await _shown(visit, 400, problem=str(error))
        raise Rejected(what, str(error), response) from None
    status = result.error.partition(":")[0] if result.error else "OK"
    at = f" at {instance.address}" if instance else ""
    responses = list(map(Whole, result.responses))
    page = await _shown(visit, result=result, responses=responses)
    return Changed(f"{what}{at}: {status}", page)


async def _explain(visit: Visit) -> Response:
    values = _values(visit)
    found, status = None, 200
    if visit.asked("method"):
        try:
            found = await _explained(visit)
        except SettingsError as error:
            values["problem"], status = str(error), 400
    return visit.page("explain.html", status, title="Explain a call", found=found, **values)


async def _explained(visit: Visit) -> Any:
    service, name = _named(visit)
    if service not in visit.console.fleet.names:
        raise SettingsError(f"the registry knows no service {service[:200]}")
    count = len(visit.console.fleet.instances(service))
    if count > _MAX_EXPLAINED:
        raise SettingsError(
            f"{service} has {count} instances; among more than {_MAX_EXPLAINED} use rpcfw explain"
        )
    called = Method(service, name, Shape.UNARY, Any, Any, "json")
    request, options = _request(visit), CallOptions(_EXPLAIN_S, _metadata(visit))
    return await visit.console.explanations.explanation(called, request, options)


ROUTES = (
    Route("GET", "/call", _form, Role.OPERATOR),
    Route("POST", "/call", _call, Role.OPERATOR, "call a method"),
    Route("GET", "/explain", _explain),
)
