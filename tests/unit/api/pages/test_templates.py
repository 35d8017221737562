"""Each page is given exactly what its template reads."""

import ast
from pathlib import Path

import pytest
from jinja2 import meta, nodes

from oracle.api import pages
from oracle.api.pages.rendering import templates

PROBLEMS = Path(str(pages.__file__)).parents[1] / "problems.py"
SHARING = ("extends", "include")  # an imported file does not see the page's variables


def variables_of(name: str) -> set[str]:
    """What a template reads from its context, with those that it extends and includes."""
    assert templates.loader is not None
    source = templates.loader.get_source(templates, name)[0]
    tree = templates.parse(source)
    # It takes a name for undeclared that a template imports or sets outside of the block.
    found = meta.find_undeclared_variables(tree) - bound_by(tree)
    for other in meta.find_referenced_templates(tree):
        assert other is not None, "a template that is chosen while it renders"
        read = variables_of(other)
        if any(f'{{% {tag} "{other}"' in source for tag in SHARING):
            found |= read
        else:
            assert not read, f"{other} is imported and reads {read}"
    return found - set(templates.globals)


def bound_by(tree: nodes.Template) -> set[str]:
    """The names that a template sets or imports."""
    assigned = [assign.target for assign in tree.find_all(nodes.Assign)]
    stored = {target.name for target in assigned if isinstance(target, nodes.Name)}
    for imported in tree.find_all(nodes.FromImport):
        stored |= {name if isinstance(name, str) else name[1] for name in imported.names}
    return stored


def render_calls() -> list[tuple[str, str, frozenset[str]]]:
    """(file and line, template, keywords) of each template that a page renders."""
    calls = []
    for path in (PROBLEMS, *sorted(Path(str(pages.__file__)).parent.glob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name("show"), args=[ast.Constant(str(name)), _], keywords=keywords
                ):
                    given = frozenset(str(keyword.arg) for keyword in keywords) | {"me"}
                    calls.append((f"{path.name}:{node.lineno}", name, given))
    return calls


@pytest.mark.parametrize(("place", "template", "given"), render_calls())
def test_a_page_gives_what_its_template_reads(
    place: str, template: str, given: frozenset[str]
) -> None:
    # Every page may tell who looks at it; only a page outside of the frame does not.
    assert given == variables_of(template) | {"me"}, place


def test_every_template_is_rendered_or_part_of_one() -> None:
    rendered = {template for _, template, _ in render_calls()}
    assert templates.loader is not None
    sources = [templates.loader.get_source(templates, name)[0] for name in rendered]
    parts = {
        p for source in sources for p in meta.find_referenced_templates(templates.parse(source))
    }
    assert rendered | parts == set(templates.list_templates(extensions=["html"]))
