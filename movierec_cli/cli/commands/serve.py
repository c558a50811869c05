"""`movierec serve`: saved models as a page and a JSON API."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from movierec_cli.cli.console import CommandTerminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import ModelOptions, OpenPage, spare_threads
from movierec_cli.config.setting import ONE_OR_MORE, ZERO_OR_MORE, Check, check_settings, setting
from movierec_cli.errors import MovierecError
from movierec_cli.packages import how_to_install, lacking

_PORT = Check("0 to 65535", lambda value: 0 <= value <= 65_535)
_PACKAGES = ("fastapi", "prometheus-client", "uvicorn")


@dataclass(frozen=True)
class ServerOptions:
    """Where a server listens, and what it does for whom; see `with_option_groups`."""

    host: str = setting("127.0.0.1", "Listen on this address. Only this machine reaches the default.", "HOST")
    port: int = setting(8000, "Listen on this port; 0 takes a free one.", check=_PORT)
    models_in_memory: int = setting(
        4,
        "Keep so many models in memory. Others are read when they are asked for.",
        check=ONE_OR_MORE,
    )
    max_rate: float = setting(
        1000.0, "Answer at most so many requests a second of one address; 0 for no limit.", check=ZERO_OR_MORE
    )

    def __post_init__(self) -> None:
        check_settings(self)


@with_option_groups
def serve_command(
    model: ModelOptions, server: ServerOptions, open_page: OpenPage = False, *, terminal: CommandTerminal
) -> None:
    """Serve saved models on this machine: a page to explore them, and a JSON API.

    The page finds movies that you like, and what the model recommends for
    them, and why. The API answers lists for users and new users, similar
    movies and searches; its own page is at /docs. Models are found by name,
    and read again when they are replaced. Needs `movierec[serve]`.
    """
    if package := lacking(_PACKAGES):
        raise MovierecError(f"serve needs the package {package}: {how_to_install(package)}")
    spare_threads()
    from movierec_cli.serving.http_app import make_app
    from movierec_cli.serving.request_limits import Limits
    from movierec_cli.serving.run_server import bound_socket, hosts_of, is_loopback, run_server
    from movierec_cli.serving.served_models import ServedModels

    chosen = None if model.model is None else model.best(terminal).record.name
    listening = bound_socket(server.host, server.port)
    with listening:
        models = ServedModels(
            model.saved_models_dir, model.dataset, chosen, most_held=server.models_in_memory
        )
        limits = Limits(per_second=server.max_rate)
        app = make_app(models, limits, hosts_of(server.host))
        if not is_loopback(server.host):
            terminal.warn(f"other machines reach {server.host}, and nobody is asked for a password")
        host = f"[{server.host}]" if ":" in server.host else server.host
        address = f"http://{host}:{listening.getsockname()[1]}/"
        terminal.note(f"Model: {models.runs[0].record.name}, the default of {len(models.runs)}")
        terminal.line(f"Serving: {address} (API: {address}docs). Stop with Ctrl-C.")
        terminal.out.file.flush()
        if open_page:
            typer.launch(address)
        run_server(app, listening, limits)
