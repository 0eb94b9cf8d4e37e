"""Markdown and HTML pages, made from the results files of a folder and nothing else."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .collect import KIND
from .curves import draw_curves
from .view import failures, order_counts, order_lines, order_sentence, table_view

__all__ = ['dump_results', 'load_results', 'render_pages', 'results_name']

_NUMBERS = re.compile(r'\[\n([^\[\]{}"]*)\n\s*\]')  # strings in json have no line breaks


def results_name(results: Mapping[str, Any]) -> str:
    """Name of a results file and its pages, without suffix: ``dark_decoding_synthetic``."""
    name = results['table']['name']
    if name.endswith(('.yaml', '.yml')):  # a table of the user's, by its path
        name = Path(name).stem
    return f'{name}_{results["data"]}'.replace('/', '_')


def dump_results(results: Mapping[str, Any], out: Path) -> Path:
    """Write a results file, lists of numbers in one line each."""
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda found: '[' + ' '.join(found[1].split()) + ']', text)
    path = out / f'{results_name(results)}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{text}\n', encoding='utf-8')
    return path


def load_results(out: Path) -> dict[str, dict[str, Any]]:
    """The results files of a folder by name; other json files are passed over."""
    found = {}
    for path in sorted(out.glob('*.json')):
        content = json.loads(path.read_text(encoding='utf-8'))
        if isinstance(content, dict) and content.get('kind') == KIND:
            found[path.stem] = content
    return found


def _pipe(text: str) -> str:
    """Text that fits into a cell of a Markdown table."""
    return text.replace('|', '\\|').replace('\n', ' ')


def _environment() -> Environment:
    # StrictUndefined: a misspelt name is an error, not an empty place
    environment = Environment(
        loader=PackageLoader('mmpose_ext.lab.ablation.report'),
        autoescape=lambda name: name is not None and '.html' in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters['pipe'] = _pipe
    return environment


def _pictures(results: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The people of the picture section with their pictures as data; without those whose files are gone."""
    content = results['pictures'] or dict(people=[])
    people = []
    for person in content['people']:
        files = [folder / name for name in person['files']]
        if not all(file.is_file() for file in files):
            continue
        labels = ['true', *content['rows']]
        details = [''] + [
            f'{content["measure"]} {closeness:.2f}, {error:.1f} px'
            for closeness, error in zip(person['closeness'], person['error'], strict=True)
        ]
        images = [
            dict(
                label=label,
                detail=detail,
                alt=f'{person["picture"]}: {"true skeleton" if not detail else f"skeleton by {label}, {detail}"}',
                file=f'{folder.name}/{file.name}',
                data=base64.b64encode(file.read_bytes()).decode(),
            )
            for label, detail, file in zip(labels, details, files, strict=True)
        ]
        people.append(dict(picture=person['picture'], images=images))
    return people


def _write_curves(curves: Mapping[str, str], folder: Path) -> None:
    """SVG files for the Markdown page, with a background and ink of their own."""
    for name, svg in curves.items():
        folder.mkdir(parents=True, exist_ok=True)
        svg = svg.replace('currentColor', '#1a1a1a').replace('<svg ', '<svg style="background:#fff" ', 1)
        (folder / f'{name}.svg').write_text(svg, encoding='utf-8')


def render_pages(out: Path) -> list[Path]:
    """Make the pages of all results files in a folder, and an index.

    Args:
        out: Folder of the results files; beside ``<name>.json`` it may hold the pictures of ``<name>/``.

    Returns:
        The pages written: ``<name>.md`` and ``.html`` for each results file, ``index.md`` and ``.html``.
    """
    environment = _environment()
    written = []

    def write(stem: str, template: str, **content: Any) -> None:
        for suffix in ('md', 'html'):
            text = environment.get_template(f'{template}.{suffix}.jinja').render(**content)
            path = out / f'{stem}.{suffix}'
            path.write_text(text, encoding='utf-8')
            written.append(path)

    entries = []
    for name, results in load_results(out).items():
        curves = draw_curves(results['curves'], results['table']['order_by'])
        _write_curves(curves, out / name)
        sentence = order_sentence(results)
        write(
            name,
            'table',
            name=name,
            results=results,
            view=table_view(results),
            sentence=sentence,
            order=order_lines(results),
            failures=failures(results),
            curves=curves,
            people=_pictures(results, out / name),
        )
        done = sum(row['status'] == 'done' for row in results['rows'])
        entries.append(dict(name=name, results=results, sentence=sentence, counts=order_counts(results), done=done))
    write('index', 'index', entries=entries)
    return written
