"""Options that come from the fields of a dataclass: of a command's own, or of a configuration."""

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from movierec_cli.cli.parsing.values import complete_rating_baseline, complete_task, parse_numbers
from movierec_cli.config.setting import option_name, settings_of
from movierec_cli.errors import UsageError

Given = dict[str, Any]
"""Values by field; None for a field whose option is not given."""


@dataclass(frozen=True)
class GivenOf:
    """Marks a `Given` parameter: it takes the settings of configurations, of which none has to be given.

    Attributes:
        configs: their classes; a setting that several have is one option.
        default_shown: the default that the help shows for a field.
    """

    configs: tuple[type, ...]
    default_shown: Callable[[str], str]


def optional(name: str, metavar: str, help_text: str, panel: str | None = None, **settings: Any) -> Any:
    """An option whose default is to be absent, which its help does not show."""
    return typer.Option(
        name, metavar=metavar, help=help_text, show_default=False, rich_help_panel=panel, **settings
    )


def complete_dataset(incomplete: str) -> list[tuple[str, str]]:
    """Data set names and titles for the shell."""
    from movierec_cli.data.sources import SOURCES

    return [(key, source.title) for key, source in SOURCES.items() if key.startswith(incomplete)]


_COMPLETIONS: dict[str, Callable[[str], Any]] = {
    "dataset": complete_dataset,
    "tasks": complete_task,
    "rating_baselines": complete_rating_baseline,
}


def setting_option(config: Any, name: str, default_shown: str | None = None) -> Any:
    """The option of a field that declares a setting.

    Args:
        config: the field's class.
        name: the field's.
        default_shown: the default in the help; None for that of the setting.
    """
    own, option = settings_of(config)[name], f"--{option_name(config, name)}"
    is_flag = isinstance(getattr(config, name), bool)
    can_be_off = is_flag and (default_shown is not None or getattr(config, name))
    return typer.Option(
        f"{option}/--no_{option.removeprefix('--')}" if can_be_off else option,
        metavar=None if is_flag else own.metavar,
        help=own.help,
        autocompletion=_COMPLETIONS.get(name),
        callback=_folder if own.metavar == "FOLDER" else None,
        rich_help_panel=own.panel or None,
        show_default=default_shown or own.default_shown or True,
    )


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
            item = _item_of_tuple(hint)
            if item is not None:
                of_several[field.name] = item
                hint, default = str | None, None
            option, hint = option_name(kind, field.name), Annotated[hint, setting_option(kind, field.name)]
        elif get_origin(hint) is not Annotated:
            continue
        field_of[option] = field.name
        parameters.append(_parameter(option, hint, default))

    def build(given: Given) -> Any:
        for name, item in of_several.items():
            text = given.pop(name)
            if text is not None:
                given[name] = _values_of(text, f"--{option_name(kind, name)}", item)
        return kind(**given)

    return _Group(field_of, parameters, build)


def _item_of_tuple(hint: Any) -> type | None:
    """What a tuple holds, where the hint is one, or one or None."""
    one = next((each for each in (hint, *get_args(hint)) if get_origin(each) is tuple), None)
    return None if one is None else get_args(one)[0]


def _values_of(text: str, option: str, kind: type) -> tuple[Any, ...]:
    if kind in (str, Path):  # a value may have blanks, such as the name of a column
        words = tuple(kind(word.strip()) for word in text.split(",") if word.strip())
        if not words:
            raise UsageError(f"{option} is '{text}'; it needs one value or more")
        return words
    if kind is int and text.strip().lower() == "none":
        return ()
    wanted = "whole numbers such as 64 32" if kind is int else "numbers such as 1 10"
    return parse_numbers(text, option, wanted, kind)


def _of_settings(mark: GivenOf) -> _Group:
    configs = {option_name(one, name): (one, name) for one in mark.configs for name in settings_of(one)}
    hints = {config: get_type_hints(config) for config in mark.configs}
    of_several, parameters = set(), []
    for option, (config, name) in configs.items():
        hint = hints[config][name]
        if get_origin(hint) is tuple:
            of_several.add(name)
            hint = str
        own = setting_option(config, name, mark.default_shown(name))
        parameters.append(_parameter(option, Annotated[hint | None, own], None))

    def parsed(given: Given) -> Given:
        texts = {name: given[name] for name in of_several if given[name] is not None}
        return given | {name: _values_of(text, f"--{name}", int) for name, text in texts.items()}

    return _Group({option: name for option, (_, name) in configs.items()}, parameters, parsed)


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
