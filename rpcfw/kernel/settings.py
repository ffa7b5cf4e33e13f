"""
Settings: what the user gave, layer over layer, checked whole.

Theory of operation. `Sources.load` reads every layer and lays them over one
another: declared defaults, then files in their order, the environment, ``--set``.
Then each part claims its sections, which turns text into instances of options
classes and tells which names are known. Nothing is raised meanwhile: mistakes are
noted with the place they are at. `Sources.finish` finds what nobody claimed and
raises one `SettingsError` with every mistake in the order of the sources.

So claim everything first, then `finish`, and only then make parts: an instance of
options from a section with mistakes holds defaults, and None where there is none.

A qualified section, ``[client demo.Greeter]``, overrides the plain one key by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from typing import Any, TypeVar

from rpcfw.errors import ContractError, SettingsError
from rpcfw.kernel.convert import converted, expected, why_refused
from rpcfw.kernel.hints import hint
from rpcfw.kernel.ini import Given, Layer, Mistake, Origin, Section, SectionName
from rpcfw.kernel.known import NOWHERE, Known
from rpcfw.kernel.layers import PREFIX, environment_layer, file_layers, set_layer
from rpcfw.spi.options import NO_DEFAULT, Declared, declared, problems

__all__ = ["Sources", "options_of"]

O = TypeVar("O")  # noqa: E741  # O for options


class Sources:
    """
    Layered text with the place of each value, to be claimed section by section.

    Args:
        layers: the lowest first.
        default_place: what a mistake names that stands nowhere, as a value not given.
        strays: environment variables that begin like ours but lack a double underscore.
    """

    def __init__(
        self, layers: Iterable[Layer], default_place: str = "", strays: Sequence[str] = ()
    ) -> None:
        self._sections: dict[SectionName, Section] = {}
        self._mistakes: dict[tuple[tuple[int, int], str], Mistake] = {}
        self._known = Known()
        #: The classes of the options that were read, by the sections they were read from.
        self.claimed: dict[SectionName, type] = {}
        self._nowhere = Origin(default_place, NOWHERE)
        self._strays = strays
        #: Where sections are asked for that may not be there.
        self._named_at: dict[SectionName, Origin] = {}
        for layer in layers:
            self._lay(layer)

    @classmethod
    def load(
        cls,
        files: Sequence[str | PathLike[str]] = (),
        environ: Mapping[str, str] | None = None,
        sets: Iterable[str] = (),
    ) -> Sources:
        """
        Read all layers; what cannot be read is noted for `finish`.

        Args:
            files: later ones lie over earlier ones.
            environ: None for none.
            sets: arguments of ``--set``.
        """
        environ = environ or {}
        layers = [*file_layers(files), environment_layer(environ), set_layer(sets)]
        strays = [each for each in environ if each.startswith(PREFIX) and "__" not in each]
        return cls(layers, fspath(files[-1]) if files else "settings", sorted(strays))

    # What is there.

    @property
    def sections(self) -> Mapping[SectionName, Section]:
        """
        All sections, with the values that count of each.
        """
        return self._sections

    def has(self, name: str, qualifier: str = "") -> bool:
        """
        Tell whether any layer has the section.
        """
        return SectionName(name, qualifier) in self._sections

    def has_value(self, name: str, key: str) -> bool:
        """
        Tell whether any layer gives the option, be it a value that cannot be read.
        """
        return self.given(name, key) is not None

    def given(self, name: str, key: str, qualifier: str = "") -> Given | None:
        """
        Return the text of an option with its place; None if no layer gives it.
        """
        for _, section in self.places(name, qualifier):
            if key in section.values:
                return section.values[key]
        return None

    def places(self, name: str, qualifier: str = "") -> Iterator[tuple[SectionName, Section]]:
        """
        Yield the sections that may give an option, the strongest first.
        """
        for place in (SectionName(name, qualifier), SectionName(name)):
            section = self._sections.get(place)
            if section is not None:
                yield place, section

    def qualifiers(self, name: str) -> tuple[str, ...]:
        """
        Return the qualifiers that sections of this name were given with, sorted.
        """
        found = {each.qualifier for each in self._sections if each.name == name}
        return tuple(sorted(found - {""}))

    # Claiming.

    def section(
        self,
        name: str,
        options: type[O],
        qualifier: str = "",
        extra_keys: Iterable[str] = (),
        named_by: tuple[str, str, str] | None = None,
    ) -> O:
        """
        Claim a section and return its options.

        Args:
            name: of the section.
            options: a class made with `rpcfw.spi.options.options`.
            qualifier: look in ``[name qualifier]`` first, key by key.
            extra_keys: further keys that are known, read with `raw`.
            named_by: section, key and qualifier of the option that asks for this section;
                what such a section lacks is a mistake there, if it is nowhere itself.
        """
        if named_by is not None:
            self.named_in(name, named_by)
            self._named_at[SectionName(name, qualifier)] = self._found(*named_by)[0]
        fields, own = declared(options), SectionName(name, qualifier)
        self.claimed[own] = options
        places = {field.name: _place_of(field, own) for field in fields}
        self._known.add(name, qualifier, extra_keys)
        for field in fields:
            self._known.rename(name, field.was, field.name)
            self._known.put(field.name, own, places[field.name])
        values = {field.name: self._value(places[field.name], field) for field in fields}
        if all(value is not _FAULTY for value in values.values()):
            try:
                made = options(**values)
            except ValueError as error:
                self._blame(self._place(name, qualifier), SectionName(name, qualifier), "", error)
            else:
                for key, reason in problems(made):
                    place = places.get(key, own)
                    self.blame(place.name, key, reason, place.qualifier)
                return made
        return _unchecked(options, fields, values)

    def raw(self, name: str, key: str, default: str = "", qualifier: str = "") -> str:
        """
        Claim one key and return its text, as for a plugin's name.
        """
        self._known.add(name, qualifier, (key,))
        given = self.given(name, key, qualifier)
        return default if given is None else given.text

    def mapping(self, name: str, qualifier: str = "") -> dict[str, str]:
        """
        Claim a section whose keys are the user's own, and return them with their texts.
        """
        section = self._sections.get(SectionName(name, qualifier))
        values = {} if section is None else section.values
        self._known.add(name, qualifier, values)
        return {key: given.text for key, given in values.items()}

    def leave(self, name: str) -> None:
        """
        Leave the sections of this name unread and unchecked: their part is not here.
        """
        self._known.leave(name)

    def leave_section(self, name: str, qualifier: str) -> None:
        """
        Leave one section and the plain one beneath it: what they may hold is unknown.
        """
        self._known.leave_section(name, qualifier)

    def named_in(self, name: str, place: tuple[str, str, str]) -> None:
        """
        Note that sections of this name are for the plugins that an option names.

        Args:
            place: section, key and qualifier of that option.
        """
        self._known.named_in(name, f"[{place[0]}] {place[1]}")

    def owned(self, name: str, owners: Callable[[str], Sequence[str]]) -> None:
        """
        Note what tells which plugins have an option, for sections of this name.
        """
        self._known.owned(name, owners)

    def leave_rest(self) -> None:
        """
        Leave every section that nobody has claimed yet, for what needs only a few.
        """
        claimed = self._known.names()
        for place in self._sections:
            if place.name not in claimed:
                self.leave(place.name)

    # Mistakes.

    def blame(self, name: str, key: str, reason: object, qualifier: str = "") -> None:
        """
        Note what is wrong with a value that converts, such as a number that is too small.
        """
        origin, section, given = self._found(name, key, qualifier)
        text = reason if given is None else f"{reason}{hint(given.text)}"
        self._blame(origin, section, key, text)

    def place(self, name: str, key: str, qualifier: str = "") -> str:
        """
        Return where an option stands, to begin a message with: ``FILE:LINE: [name] key``.
        """
        origin, section, _ = self._found(name, key, qualifier)
        return f"{origin}: {section} {key}"

    def finish(self) -> None:
        """
        Check what nobody claimed.

        Raises:
            SettingsError: mistakes were made, at whatever time they were found.
        """
        for mistake in (*self._known.unknown(self._sections), *self._known.strays(self._strays)):
            self._note(mistake)
        if self._mistakes:
            raise SettingsError(*(str(self._mistakes[each]) for each in sorted(self._mistakes)))

    # Within.

    def _lay(self, layer: Layer) -> None:
        for mistake in layer.mistakes:
            self._note(mistake)
        for name, section in layer.sections.items():
            target = self._sections.setdefault(name, Section(section.origin))
            target.values.update(section.values)

    def _found(
        self, name: str, key: str, qualifier: str = ""
    ) -> tuple[Origin, SectionName, Given | None]:
        """
        Return where an option is given, or where it could be.
        """
        for place, section in self.places(name, qualifier):
            given = section.values.get(key)
            if given is not None:
                return given.origin, place, given
        return self._place(name, qualifier), SectionName(name, qualifier), None

    def _place(self, name: str, qualifier: str) -> Origin:
        for _, section in self.places(name, qualifier):
            return section.origin
        return self._named_at.get(SectionName(name, qualifier), self._nowhere)

    def _value(self, place: SectionName, field: Declared) -> Any:
        name, qualifier = place.name, place.qualifier
        given = self.given(name, field.name, qualifier)
        if given is None and field.default is not NO_DEFAULT:
            return _default(field)
        if given is None:
            reason = f"must be given: {field.meaning} ({expected(field.type)})"
            self.blame(name, field.name, reason, qualifier)
            return _FAULTY
        try:
            return converted(field.type, given.text, given.origin.folder)
        except ValueError as error:
            self.blame(name, field.name, why_refused(field, error), qualifier)
            return _FAULTY

    def _blame(self, origin: Origin, section: SectionName, key: str, reason: object) -> None:
        text = f"{section} {key}: {reason}" if key else f"{section}: {reason}"
        self._note(Mistake(origin, text))

    def _note(self, mistake: Mistake) -> None:
        # A plain section is read once for each qualifier; its mistakes count once.
        self._mistakes[mistake.origin.order, mistake.reason] = mistake


def options_of(cls: type[O], **texts: str) -> O:
    """
    Return options made from texts as an INI file would have them.

    Raises:
        SettingsError: with every mistake.
    """
    layer = Layer()
    name = SectionName("options")
    places = {field.name: _place_of(field, name) for field in declared(cls)}
    for index, (key, text) in enumerate(texts.items()):
        layer.give(places.get(key, name), key, Given(text, Origin(cls.__qualname__, (0, index))))
    sources = Sources([layer], cls.__qualname__)
    made = sources.section(name.name, cls)
    sources.finish()
    return made


#: Stands for a value that could not be made.
_FAULTY = object()


def _place_of(field: Declared, own: SectionName) -> SectionName:
    """
    Return the section that has an option.
    """
    name, _, qualifier = field.section.partition(" ")
    return SectionName(name, qualifier) if name else own


def _default(field: Declared) -> Any:
    try:
        return converted(field.type, field.default)
    except ValueError as error:
        raise ContractError(f"the declared default of {field.name} is wrong: {error}") from error


def _unchecked(cls: type[O], fields: Iterable[Declared], values: Mapping[str, Any]) -> O:
    """
    Make an instance to go on with until `Sources.finish`, past the class's own checks.
    """
    made = object.__new__(cls)
    for field in fields:
        value = values[field.name]
        if value is _FAULTY:
            value = None if field.default is NO_DEFAULT else _default(field)
        object.__setattr__(made, field.name, value)
    return made
