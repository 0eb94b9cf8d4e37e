"""The examples in docstrings are true, and every public function of ``functional/`` has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import mmpose_ext
from mmpose_ext import functional


def module_names(package):
    """Modules of a package whose source has an example; those of optional libraries are not imported for nothing."""
    for info in pkgutil.walk_packages(package.__path__, f'{package.__name__}.', onerror=lambda name: None):
        source = info.module_finder.find_spec(info.name).origin
        if source and source.endswith('.py'):
            with open(source, encoding='utf-8') as file:
                if '>>> ' in file.read():
                    yield info.name


NAMES = list(module_names(mmpose_ext))


@pytest.mark.parametrize('name', NAMES)
def test_examples_are_true(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed


def test_every_public_function_of_functional_has_an_example():
    functions = {name: getattr(functional, name) for name in functional.__all__}
    assert not [
        name for name, value in functions.items() if inspect.isfunction(value) and '>>> ' not in (value.__doc__ or '')
    ]
    assert 'mmpose_ext.functional.peaks' in NAMES
