"""Markdown and HTML pages, made from the results files of a folder and nothing else."""

import base64
import hashlib
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from mmpose_ext.files import write_whole

from .curves import draw_curves
from .images import people_file
from .results import Json, load_results
from .view import failures, order_counts, order_lines, order_sentence, table_view

__all__ = ['render_pages']

_MAX_IMAGE_BYTES = 2_000_000
# code, and the space before a word that would begin a heading, a quote or a list if it began a line
_UNBROKEN = re.compile(r'\\.|`[^`]*`| (?=[#>+=-]|\d+[.)])')
_MARKDOWN = re.compile(r'[\\*\[\]|`~]|(?<!\w)_|_(?!\w)')


def _markdown(value: object) -> str:
    """Text as it is read in a line of Markdown; nothing in it is a mark, a tag or a line break."""
    if isinstance(value, Markup):
        return value
    text = ' '.join(str(value).split()).replace('&', '&amp;').replace('<', '&lt;')
    return _MARKDOWN.sub(r'\\\g<0>', text)


def _code(value: object) -> Markup:
    """Text as code in a line of Markdown."""
    text = ' '.join(str(value).split()).replace('`', "'").replace('|', '\\|')
    return Markup(f'`{text}`')


def _paragraph(value: object) -> Markup:
    """Text as a paragraph of Markdown, which its first character cannot turn into a heading, a list or a quote."""
    text = _markdown(value)
    return Markup(f'\\{text}' if text[:1] in '#+->=' and text else text)


def _line(value: object) -> Markup:
    """Text as a line of a Markdown block of code."""
    return Markup(' '.join(str(value).splitlines()))


def _wrap(markdown: str, width: int = 116) -> str:
    """A page with paragraphs and list items in lines of ``width`` columns; tables and code stay as they are."""
    lines: list[str] = []
    for line in markdown.splitlines():
        if len(line) <= width or line.startswith(('|', '#', '!', '    ')):
            lines.append(line)
            continue
        item = re.match(r'(?:- |\d+\. )?', line)
        indent = ' ' * (item.end() if item else 0)
        line = _UNBROKEN.sub(lambda found: found[0].replace(' ', '\0'), line)
        parts = textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        lines += [part.replace('\0', ' ') for part in parts]
    return '\n'.join(lines) + '\n'


def _environment(markdown: bool) -> Environment:
    """The templates; every value that they show is escaped unless it is marked as safe."""
    loader = PackageLoader('mmpose_ext.lab.ablation.report')
    # StrictUndefined: a misspelled name is an error, not an empty place
    options: dict[str, Any] = dict(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    if not markdown:
        return Environment(autoescape=True, keep_trailing_newline=True, **options)
    # Markup in Markdown: autoescape would escape for HTML
    environment = Environment(autoescape=False, keep_trailing_newline=True, finalize=_markdown, **options)
    environment.filters |= dict(code=_code, line=_line, paragraph=_paragraph)
    return environment


def _read_image(out: Path, name: str) -> bytes | None:
    """The JPEG that belongs to a results file; None if there is none in this very folder."""
    path = people_file(out, name)
    if path.resolve() != out.resolve() / 'images' / path.name or not path.is_file():
        return None
    content = path.read_bytes()
    return content if content.startswith(b'\xff\xd8') and len(content) <= _MAX_IMAGE_BYTES else None


def _people(results: Mapping[str, Any]) -> list[Json]:
    """For each drawn person the image's name and what the rows predicted, as text."""
    content = results.get('images') or dict(people=[])
    return [
        dict(
            image=person['image'],
            details=[
                f'{content["measure"]} {closeness:.2f}, {error:.1f} px'
                for closeness, error in zip(person['closeness'], person['error'], strict=True)
            ],
        )
        for person in content['people']
    ]


def _content(name: str, results: Json, out: Path) -> Json:
    """What the templates show of a results file."""
    image = _read_image(out, name)
    return dict(
        name=name,
        results=results,
        view=table_view(results),
        sentence=order_sentence(results),
        counts=order_counts(results),
        done=sum(row['status'] == 'done' for row in results['rows']),
        order=order_lines(results),
        failures=failures(results),
        curves=Markup(draw_curves(results['curves'], results['table']['order_by'])),
        people=_people(results) if image else [],
        image=base64.b64encode(image).decode() if image else '',
    )


def _write_curves(svg: str, path: Path) -> None:
    """An SVG file for the Markdown page, with a background and ink of its own."""
    if svg:
        svg = svg.replace('currentColor', '#1a1a1a').replace('<svg ', '<svg style="background:#fff" ', 1)
        write_whole(path, '\n'.join(line.rstrip() for line in svg.splitlines()) + '\n')
    else:
        path.unlink(missing_ok=True)


def render_pages(out: Path, html: bool = False) -> list[Path]:
    """Make the pages of all results files in a folder, and an index.

    Args:
        out: Folder of the results files; ``images/<name>-people.jpg`` beside ``<name>.json`` is shown if it is there.
        html: Also make an HTML page of each table.

    Returns:
        The pages written: ``<name>.md`` for each results file (and ``<name>.html``), ``index.md`` and ``index.html``.

    Raises:
        ValueError: Naming the file, if one cannot be read.
    """
    environments = {'md': _environment(True), 'html': _environment(False)}
    script = (Path(__file__).parent / 'templates' / 'sort.js').read_text(encoding='utf-8')
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = dict(script=Markup(script), script_hash=f'sha256-{digest}', pages=html)
    written = []

    def write(stem: str, template: str, suffix: str, content: Mapping[str, Any]) -> None:
        text = environments[suffix].get_template(f'{template}.{suffix}.jinja').render(**shared, **content)
        written.append(out / f'{stem}.{suffix}')
        write_whole(written[-1], _wrap(text) if suffix == 'md' else text)

    entries = []
    for name, results in load_results(out).items():
        try:
            entries.append(_content(name, results, out))
            for suffix in ('md', 'html') if html else ('md',):
                write(name, 'table', suffix, entries[-1])
        except (KeyError, TypeError, AttributeError, ValueError, IndexError, TemplateError) as error:
            file = str(out / f'{name}.json')
            raise ValueError(f'a results file must have the keys of a report, got {file!r}: {error!r}') from error
        _write_curves(entries[-1]['curves'], out / 'images' / f'{name}-curves.svg')
    for suffix in ('md', 'html'):
        write('index', 'index', suffix, dict(entries=entries))
    return written
