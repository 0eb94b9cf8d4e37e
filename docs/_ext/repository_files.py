"""Pages that are files of the repository elsewhere, and links from pages to files outside docs/.

A page that consists of ``{include}`` of a Markdown file outside docs/ shows that file, with its links moved to where
the page stands. A link of any page to such a file leads to the page that shows it. A link to another file of the
repository, such as a config or a module, leads to a copy of the file; a link to a folder becomes plain text.
"""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

INCLUDE = re.compile(r'^```\{include\} (\S+)\n```$', re.MULTILINE)
LINK = re.compile(r'(\]\()([^)\s#]+)(#[^)\s]*)?(\))')
FENCE = re.compile(r'^(```.*?^```$)', re.MULTILINE | re.DOTALL)


def shown_files(source: Path) -> dict[Path, Path]:
    """Which file of the repository is shown by which page."""
    pages = {}
    for page in source.rglob('*.md'):
        for target in INCLUDE.findall(page.read_text(encoding='utf-8')):
            pages[(page.parent / target).resolve()] = page
    return pages


def move_links(text: str, written_in: Path, page: Path, source: Path, pages: dict[Path, Path]) -> str:
    """Links of a text that was written for the folder ``written_in``, as they have to be on ``page``."""

    def move(match: re.Match[str]) -> str:
        opening, target, anchor, closing = match.group(1), match.group(2), match.group(3) or '', match.group(4)
        if re.match(r'[a-z]+:', target):
            return match.group(0)
        path = (written_in / target).resolve()
        if path.is_dir():
            return f'{opening}#{closing}' if path == source else f'{opening}{FOLDER}{closing}'
        shown = pages.get(path, path)
        keep = anchor if shown.suffix == '.md' and shown.is_relative_to(source) else ''
        return f'{opening}{os.path.relpath(shown, page.parent)}{keep}{closing}'

    parts = FENCE.split(text)  # every second part is a block of code, whose brackets are no links
    parts[::2] = [re.sub(r'\[([^\]]*)\]\(' + FOLDER + r'\)', r'\1', LINK.sub(move, part)) for part in parts[::2]]
    return ''.join(parts)


FOLDER = 'FOLDER'  # stands for the target of a link to a folder until the link is taken away


def read_source(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the included file into a page and move the links (Sphinx calls this with the text of each page)."""
    page = Path(app.env.doc2path(docname))
    source = Path(app.srcdir)
    if page.suffix != '.md':
        return
    pages = shown_files(source)
    text = move_links(content[0], page.parent, page, source, pages)

    def insert(match: re.Match[str]) -> str:
        file = (page.parent / match.group(1)).resolve()
        app.env.note_dependency(str(file))
        return move_links(file.read_text(encoding='utf-8'), file.parent, page, source, pages)

    content[0] = INCLUDE.sub(insert, text)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect to the reading of the pages."""
    app.connect('source-read', read_source)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
