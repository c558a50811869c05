"""The site is built strictly, and needs nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import typer

from movierec_cli.cli.app import app
from tests.all_tests import needs
from tests.cli.running import commands
from tests.docs.pages import ROOT

needs("mkdocs")
needs("material")
needs("mkdocstrings")


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [given[name] for name in ("src", "data-src") if name in given]
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in this process, as `make docs` builds it."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file.resolve(): Page(file.read_text("utf-8")) for file in site.rglob("*.html")}


@pytest.mark.filterwarnings("ignore")
def test_no_link_is_broken(pages: dict[Path, Page]) -> None:
    assert len(pages) > 50
    broken = []
    for file, page in pages.items():
        for link in page.links if file.name != "404.html" else ():
            path, anchor = urldefrag(link)
            if "://" in path or path.startswith("mailto:"):
                continue
            target = (file.parent / unquote(path)).resolve() if path else file
            is_there = target.is_file() and (not anchor or anchor in pages[target].anchors)
            broken += [] if is_there else [(file.name, link)]
    assert not broken


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {one for page in pages.values() for one in page.loads}
    assert loaded and not [one for one in loaded if "//" in one]
    styles = "".join(file.read_text("utf-8") for file in site.rglob("*.css"))
    assert not re.findall(r"@import|url\(['\"]?https?:", styles)


def test_every_command_and_option_has_its_place(site: Path) -> None:
    for path, command in commands("movierec", typer.main.get_command(app)):
        if hasattr(command, "commands"):
            continue
        text = (site / "commands" / f"{path.partition(' ')[2].replace(' ', '-')}.html").read_text("utf-8")
        names = [name for one in command.params if not getattr(one, "hidden", False) for name in one.opts]
        assert all(f"<code>{name}</code>" in text for name in names if name.startswith("--")), path


def test_every_public_name_has_its_place(site: Path) -> None:
    import movierec_cli

    text = (site / "api.html").read_text("utf-8")
    assert all(re.search(rf"movierec_cli\.[\w.]*{name}\"", text) for name in movierec_cli.__all__)
