"""The words of the demonstration magazine, read from TOML and Markdown files beside this module."""

import re
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
FRONT_MATTER = re.compile(r"\A\+\+\+\n(?P<front>.*?)\n\+\+\+\n(?P<body>.*)\Z", re.DOTALL)


class ContentError(ValueError):
    """A content file that cannot be used; the message names the file and what to change."""


@dataclass(frozen=True)
class Section:
    """One section of the magazine, with what its covers look like."""

    slug: str
    title: str
    description: str
    palette: tuple[str, str, str]
    motif: str


@dataclass(frozen=True)
class Article:
    """One article; `body` is Wagtail rich text, `section` the slug of its section."""

    title: str
    slug: str
    section: str
    tags: tuple[str, ...]
    summary: str
    days_ago: int
    byline: str
    body: str


def read_sections(path: Path = HERE / "sections.toml") -> list[Section]:
    """Return the sections in the order of the site's navigation."""
    try:
        return [_section(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["section"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ContentError(f"{path.name}: expected [[section]] tables with all their keys ({error!r})") from error


def read_articles(folder: Path = HERE / "articles") -> list[Article]:
    """Return every article of the folder, newest first."""
    articles = [read_article(path) for path in sorted(folder.glob("*.md"))]
    return sorted(articles, key=lambda article: (article.days_ago, article.slug))


def read_article(path: Path) -> Article:
    """Read one Markdown file with TOML front matter between +++ lines."""
    parts = FRONT_MATTER.match(path.read_text(encoding="utf-8"))
    if parts is None:
        raise ContentError(f"{path.name}: start the file with front matter between two +++ lines")
    try:
        front = tomllib.loads(parts["front"])
        front["tags"] = tuple(front["tags"])
        return Article(**front, body=rich_text(parts["body"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ContentError(f"{path.name}: front matter does not fit an article ({error!r})") from error


def rich_text(markdown: str) -> str:
    """Return paragraphs, `##` headings and `-` lists as rich text; everything else is escaped, markup included."""
    blocks = (block.strip() for block in re.split(r"\n\s*\n", markdown))
    return "".join(_block(block) for block in blocks if block)


def _block(block: str) -> str:
    lines = [escape(line.strip(), quote=False) for line in block.splitlines()]
    if len(lines) == 1 and lines[0].startswith("## "):
        return f"<h2>{lines[0].removeprefix('## ')}</h2>"
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{line[2:]}</li>' for line in lines)}</ul>"
    return f"<p>{' '.join(lines)}</p>"


def _section(row: dict) -> Section:
    dark, middle, bright = row["palette"]
    return Section(**{**row, "palette": (dark, middle, bright)})
