"""Settings of the documentation site: `sphinx-build -W --keep-going docs docs/_build`; no network is needed."""

import re
import sys
from pathlib import Path

from numpy.typing import ArrayLike
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / '_ext')]

from mmpose_ext import __version__  # noqa: E402

project = 'mmpose_ext'
author = 'The contributors of mmpose_ext'
version = release = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.autosummary',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'mathml',
    'public_names',
    'repository_files',
]
exclude_patterns = ['_build', '_ext']

# Every reference to a name of this package has to resolve; names of other packages are not links.
nitpicky = True
nitpick_ignore_regex = [(r'py:.*', r'(?!mmpose_ext).*')]

myst_enable_extensions = ['dollarmath', 'colon_fence', 'deflist']
myst_heading_anchors = 4

autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_typehints_format = 'short'
autodoc_default_options = {'members': True, 'imported-members': True, 'show-inheritance': True}
napoleon_use_rtype = False

html_theme = 'furo'
html_title = f'mmpose_ext {release}'
html_math_renderer = 'mathml'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = False
html_show_sphinx = False
# Icons and fonts of the theme's footer need no network either: there are none.
html_theme_options: dict[str, object] = {'footer_icons': []}
pygments_style = 'friendly'
pygments_dark_style = 'monokai'

# Aliases that Python forgets: a signature shows them, not what they stand for.
ARRAY_LIKE = re.escape(stringify_annotation(ArrayLike, 'smart'))
ARRAY = r'~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[([^\]]*)\]\]'


def shorten_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Write numpy's aliases by their names."""
    for pattern, alias in ((ARRAY_LIKE, 'ArrayLike'), (ARRAY, r'NDArray[\1]')):
        signature = signature and re.sub(pattern, alias, signature)
        returns = returns and re.sub(pattern, alias, returns)
    return signature, returns


def setup(app: Sphinx) -> None:
    """Connect to autodoc."""
    app.connect('autodoc-process-signature', shorten_signature)
