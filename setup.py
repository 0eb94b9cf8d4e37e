"""Build mmpose_ext.

MMEngine and mim look for a package's configs, tools and model-index.yml in ``<package>/.mim``. A wheel carries copies
there. The editable install has symbolic links to the working tree instead, so that an edited config counts at once.
"""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

NAME = 'mmpose_ext'
ROOT = Path(__file__).resolve().parent
MIM_RESOURCES = ('configs', 'tools', 'model-index.yml')


def read_version() -> str:
    """Read the version without importing the package, which needs the whole OpenMMLab stack."""
    scope: dict[str, str] = {}
    exec((ROOT / NAME / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


def read_requirements(name: str) -> list[str]:
    """The requirements in requirements/<name>.txt."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


def read_extras() -> dict[str, list[str]]:
    """The extras, by name: each is a file of requirements/ with its supported ranges."""
    names = sorted(path.stem for path in (ROOT / 'requirements').glob('*.txt'))
    extras = {name: read_requirements(name) for name in names if name != 'runtime'}
    return extras | {'mim': extras['stack']}  # `mim install mmpose_ext[mim]` is OpenMMLab's convention


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory; nothing happens if it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a directory, without what Python leaves behind."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.py[cod]', '.*'))
    else:
        shutil.copy2(source, target)


def add_mim_resources(package_dir: Path, link: bool) -> None:
    """Fill ``package_dir``/.mim anew, with links or with copies."""
    mim_dir = package_dir / '.mim'
    remove(mim_dir)
    mim_dir.mkdir(parents=True)
    for name in MIM_RESOURCES:
        target = mim_dir / name
        if link:
            try:
                target.symlink_to(os.path.relpath(ROOT / name, mim_dir), target_is_directory=(ROOT / name).is_dir())
                continue
            except OSError:  # Windows without the right to make links
                remove(target)
        copy(ROOT / name, target)


class BuildWithMim(build_py):
    """Put the resources of mim beside the modules, in the build directory or (editable) in the working tree."""

    def run(self) -> None:
        if not self.editable_mode:  # a module that is gone from the tree must not come back from an earlier build
            remove(Path(self.build_lib) / NAME)
        super().run()
        if not self.editable_mode:
            add_mim_resources(Path(self.build_lib) / NAME, link=False)


class EditableWithMim(editable_wheel):
    """Make an editable install that mim and MMEngine can find.

    Both look for a package at ``<place of its metadata>/<name>`` and then at ``<place>/<first line of top_level.txt>``.
    pip puts the metadata of an editable install into site-packages, where neither exists. So the first line names the
    working tree by its absolute path, which leads both there; the second one is the usual name.
    """

    def run(self) -> None:
        add_mim_resources(ROOT / NAME, link=True)
        super().run()

    def _ensure_dist_info(self) -> None:
        super()._ensure_dist_info()
        top_level = Path(self.dist_info_dir) / 'top_level.txt'
        top_level.write_text(f'{(ROOT / NAME).as_posix()}\n{NAME}\n', encoding='utf-8')


if __name__ == '__main__':
    readme = ROOT / 'README.md'
    setup(
        name=NAME,
        version=read_version(),
        description='Keypoint codecs, heads, losses, distillation and experiment tools for MMPose',
        long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
        long_description_content_type='text/markdown',
        license='Apache-2.0',
        license_files=['LICENSE'],
        keywords='computer vision, human pose estimation, keypoint detection, heatmap, knowledge distillation',
        classifiers=[
            'Development Status :: 4 - Beta',
            'Operating System :: POSIX :: Linux',
            'Programming Language :: Python :: 3',
            'Programming Language :: Python :: 3.10',
            'Programming Language :: Python :: 3.11',
            'Programming Language :: Python :: 3.12',
            'Programming Language :: Python :: 3.13',
            'Topic :: Scientific/Engineering :: Image Recognition',
        ],
        python_requires='>=3.10',
        packages=find_packages(include=[NAME, f'{NAME}.*']),
        # Makes the editable install a plain .pth file with the path of the working tree. Without this line setuptools
        # installs an import hook, which comes after sys.path: a clone that is named like the package then hides the
        # package from every program in the parent folder, because Python takes the clone for a namespace package.
        # Type checkers and editors follow a .pth file, too, but no import hook.
        package_dir={'': '.'},
        package_data={
            NAME: [
                'py.typed',
                'lab/ablation/Snakefile',
                'lab/ablation/report/templates/*',
                'weights/*.pth',
                'weights/README.md',
            ]
        },
        zip_safe=False,
        install_requires=read_requirements('runtime'),
        extras_require=read_extras(),
        cmdclass={'build_py': BuildWithMim, 'editable_wheel': EditableWithMim},
    )
