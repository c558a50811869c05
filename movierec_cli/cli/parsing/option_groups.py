"""Options that come from the fields of a dataclass: of a command's own, or of a configuration."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_origin, get_type_hints

import typer

from movierec_cli.cli.parsing.completions import completion_of
from movierec_cli.config.option_values import read_value, shown, type_of
from movierec_cli.config.setting import option_name, settings_of
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from movierec_cli.config.train_options import Given, Option


@dataclass(frozen=True)
class GivenOf:
    """Marks a `Given` parameter: it takes options of which none has to be given.

    Attributes:
        options: by name.
        default_shown: the default that the help shows for an option.
    """

    options: Mapping[str, Option]
    default_shown: Callable[[str], str]


def optional(name: str, metavar: str, help_text: str, panel: str | None = None, **settings: Any) -> Any:
    """An option whose default is to be absent, which its help does not show."""
    return typer.Option(
        name, metavar=metavar, help=help_text, show_default=False, rich_help_panel=panel, **settings
    )


def setting_option(config: Any, name: str, default_shown: str | None = None) -> Any:
    """The option of a field that declares a setting.

    Args:
        config: the field's class.
        name: the field's.
        default_shown: the default in the help; None for that of the setting.
    """
    own, option = settings_of(config)[name], option_name(config, name)
    is_flag = isinstance(getattr(config, name), bool)
    can_be_off = is_flag and (default_shown is not None or getattr(config, name))
    return typer.Option(
        f"--{option}/--no_{option}" if can_be_off else f"--{option}",
        *own.also,
        metavar=None if is_flag else own.metavar,
        help=own.full_help,
        autocompletion=completion_of(option, _hints_of(config)[name]),
        callback=_folder if own.metavar == "FOLDER" else None,
        rich_help_panel=own.panel or None,
        show_default=default_shown or own.default_shown or _plain(getattr(config, name)),
    )


def _plain(default: object) -> str | bool:
    """A default as it is typed: 1000, not 1000.0."""
    return shown(default) if isinstance(default, float) else True


@functools.cache
def _hints_of(config: Any) -> dict[str, Any]:
    return get_type_hints(config)


def _folder(value: Path | None) -> Path | None:
    """Refuses what is there and no folder; one that is not there may be made."""
    if value is not None and os.path.exists(value) and not os.path.isdir(value):
        raise typer.BadParameter(f"'{value}' is a file; name a folder")
    return value


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Makes a command take groups of options.

    A parameter whose type is a dataclass stands for an option per field: of a field that declares a setting,
    that setting's; another field is annotated like a parameter of a command, with a default, or has no
    option. The command gets the object that the options' values make. A parameter marked with `GivenOf`
    stands for an option per setting, and the command gets the values by field.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, _Group] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        marks = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, GivenOf)]
        if marks or is_dataclass(hint):
            groups[parameter.name] = _of_settings(marks[0]) if marks else _of_dataclass(hint)
            parameters += groups[parameter.name].parameters
        else:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hint))

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group.build(
                {field: values.pop(option) for option, field in group.field_of.items()}
            )
        command(**values)

    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapper


@dataclass(frozen=True)
class _Group:
    """The options that a parameter stands for, and how the values of their fields make its value."""

    field_of: Mapping[str, str]  # by option
    parameters: list[inspect.Parameter]
    build: Callable[[Given], Any]


def _of_dataclass(kind: Any) -> _Group:
    hints, own = get_type_hints(kind, include_extras=True), settings_of(kind)
    field_of, of_several, parameters = {}, {}, []
    for field in fields(kind):
        option, hint, default = field.name, hints[field.name], field.default
        if field.name in own:
            if get_origin(type_of(hint)) is tuple:
                of_several[field.name] = hint
                hint, default = str | None, None
            option, hint = option_name(kind, field.name), Annotated[hint, setting_option(kind, field.name)]
        elif get_origin(hint) is not Annotated:
            continue
        field_of[option] = field.name
        parameters.append(_parameter(option, hint, default))

    def build(given: Given) -> Any:
        for name, hint in of_several.items():
            text = given.pop(name)
            if text is not None:
                given[name] = read_value(option_name(kind, name), hint, text)
        return kind(**given)

    return _Group(field_of, parameters, build)


def _of_settings(mark: GivenOf) -> _Group:
    """A flag that is off by default has a hidden option that switches it off, where a file switches it on."""
    parameters, hidden = [], []
    for name, option in mark.options.items():
        default = mark.default_shown(name) or None
        hint = bool if option.is_flag else list[str] if option.is_repeated else str
        own = setting_option(option.owner, option.field, default)
        parameters.append(_parameter(name, Annotated[hint | None, own], None))
        if option.is_flag and default is None:
            off = typer.Option(f"--no_{name}", hidden=True, help=f"Do without --{name}.")
            hidden.append(_parameter(f"no_{name}", Annotated[bool | None, off], None))

    def build(given: Given) -> Given:
        named = {name: value for name, value in given.items() if value is not None and value != []}
        off = {name: False for name in mark.options if named.pop(f"no_{name}", None)}
        for name in off.keys() & named.keys():
            raise UsageError(f"--{name} and --no_{name} contradict each other; give one of them")
        return off | {name: mark.options[name].read(value) for name, value in named.items()}

    every = [*parameters, *hidden]
    return _Group({one.name: one.name for one in every}, every, build)


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
