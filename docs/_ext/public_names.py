"""References by the name of the module that defines something, where the package that shows it is documented.

`mmpose_ext.functional.grid.input_to_heatmap` is documented as `mmpose_ext.functional.input_to_heatmap`. A type that
only an annotation names, such as a private base class or a type variable, is not a reference that somebody wrote: it
stays text.
"""

from importlib.util import find_spec

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.Element | None:
    """Find the documented name of a reference that was not found as it is (Sphinx calls this for each of them)."""
    target = node.get('reftarget', '')
    if node.get('refdomain') != 'py' or not target.startswith('mmpose_ext.'):
        return None
    objects = env.get_domain('py').objects  # type: ignore[attr-defined]
    module, _, name = target.rpartition('.')
    is_module = node['reftype'] == 'mod' and find_spec(target) is not None
    while '.' in module:
        found = module if is_module else f'{module}.{name}'
        if found in objects:
            entry = objects[found]
            uri = app.builder.get_relative_uri(node['refdoc'], entry.docname)
            return nodes.reference('', '', contnode, internal=True, refuri=f'{uri}#{entry.node_id}')
        module = module.rpartition('.')[0]
    written = bool(node.source) and node.source != '<unknown>'
    return None if written else contnode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect to the resolving of references."""
    app.connect('missing-reference', resolve)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
