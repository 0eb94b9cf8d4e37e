"""The shape of the code: who imports whom, budgets, types, the public names, and what an import costs."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'mmpose_ext'
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 40


def modules(*folders):
    """(dotted name, file) of every module of the package and every tool."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob('*.py')):
            parts = file.relative_to(ROOT).with_suffix('').parts
            if '.mim' not in parts:
                yield '.'.join(parts[:-1] if parts[-1] == '__init__' else parts), file


CODE = list(modules(PACKAGE, 'tools', 'benchmarks'))
TREES = {file: ast.parse(file.read_text(encoding='utf-8')) for _, file in CODE}


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def imports(name, file):
    """Dotted names that a module imports, relative ones resolved."""
    package = name if file.name == '__init__.py' else name.rpartition('.')[0]
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split('.')[: len(package.split('.')) - node.level + 1] if node.level else []
            source = '.'.join([*base, *([node.module] if node.module else [])])
            # `from package import module` imports the module, `from module import name` a name in it
            yield from (f'{source}.{alias.name}' for alias in node.names)


# ---------------------------------------------------------------------------------------------
# layers: a module of the left may import those of the right (and its own package), nothing else of ours

_BELOW_MODELS = ('functional', 'registry')
LAYERS = {
    'tools': ('runtime', 'apis', 'lab', 'synthetic'),
    'benchmarks': (
        *('lab.profiling', 'apis', 'runtime', 'weights', 'models', 'datasets', 'checkpoint', *_BELOW_MODELS, 'config'),
    ),
    'mmpose_ext.lab.ablation.report': (
        *('lab.ablation', 'lab.profiling', 'lab.visualization'),
        *('runtime', 'models', 'evaluation', 'config', 'files', 'version', *_BELOW_MODELS),
    ),
    'mmpose_ext.lab.ablation': ('config', 'files', 'version', *_BELOW_MODELS),
    'mmpose_ext.lab.dataset_check': (
        'lab.matlab',
        'models',
        'codecs',
        'datasets',
        'evaluation',
        'checkpoint',
        'config',
        *_BELOW_MODELS,
    ),
    'mmpose_ext.lab.dataset_converters': ('lab.matlab', 'synthetic', 'datasets', *_BELOW_MODELS),
    'mmpose_ext.lab.matlab': ('datasets', *_BELOW_MODELS),
    'mmpose_ext.lab.checkpoints': ('models', 'config', 'version', *_BELOW_MODELS),
    'mmpose_ext.lab.visualization': (
        *('lab.ablation.report', 'lab.dataset_check', 'apis', 'runtime', 'models', 'datasets'),
        *('evaluation', 'checkpoint', 'config', 'files'),
        *_BELOW_MODELS,
    ),
    'mmpose_ext.lab.calibration': (
        *('apis', 'runtime', 'models', 'evaluation', 'checkpoint', 'config', 'files'),
        *_BELOW_MODELS,
    ),
    'mmpose_ext.lab.error_distribution': ('apis', 'models', 'config', *_BELOW_MODELS),
    'mmpose_ext.lab.profiling': ('models', 'compat', 'config', *_BELOW_MODELS),
    'mmpose_ext.lab.quickstart': ('lab', 'apis', 'synthetic', 'models', 'evaluation', 'config', *_BELOW_MODELS),
    'mmpose_ext.lab': (),
    'mmpose_ext.apis': (
        *('runtime', 'weights'),
        *('engine', 'models', 'codecs', 'datasets', 'evaluation', 'checkpoint', 'compat', 'config', 'files', 'version'),
        *_BELOW_MODELS,
    ),
    'mmpose_ext.engine': ('checkpoint', 'files', 'registry'),
    'mmpose_ext.synthetic': ('files', 'functional'),
    'mmpose_ext.visualization': ('runtime', 'registry'),
    'mmpose_ext.runtime': ('files',),
    'mmpose_ext.models.distillers': (
        *('models.heads', 'models.losses', 'models.layers', 'models.utils', 'codecs', 'checkpoint', 'config'),
        *_BELOW_MODELS,
    ),
    # runtime: a calibration is applied to predictions of torch and of exported models by the same code
    'mmpose_ext.models.heads': (
        *('models.losses', 'models.layers', 'models.utils', 'codecs', 'runtime'),
        *_BELOW_MODELS,
    ),
    # checkpoint: networks of other libraries start from files that MMEngine does not read
    'mmpose_ext.models.backbones': ('models.layers', 'models.utils', 'checkpoint', *_BELOW_MODELS),
    'mmpose_ext.models.losses': ('models.layers', *_BELOW_MODELS),
    # the batch of samples, which heads read, is made where the batch is; datasets: a region that a worker has cut is
    # warped here
    'mmpose_ext.models.data_preprocessors': ('models.utils', 'datasets', 'registry'),
    'mmpose_ext.models.layers': _BELOW_MODELS,
    # codecs: the protocol, of which these are the other side
    'mmpose_ext.models.utils': ('codecs', *_BELOW_MODELS),
    'mmpose_ext.models': ('models',),
    'mmpose_ext.codecs': ('functional', 'registry'),
    # files: a cache of crops is a whole file or none; compat: the number of cores
    'mmpose_ext.datasets': ('compat', 'files', 'functional', 'registry'),
    'mmpose_ext.evaluation': ('functional', 'registry'),
    'mmpose_ext.functional': (),
    'mmpose_ext.registry': (),
    'mmpose_ext.checkpoint': ('compat',),
    'mmpose_ext.files': (),
    'mmpose_ext.compat': (),
    'mmpose_ext.config': (),
    'mmpose_ext.weights': ('config',),
    'mmpose_ext.version': (),
    'mmpose_ext': ('compat', 'config', 'version'),
}


def within(name, package):
    return name == package or name.startswith(f'{package}.')


def layer_of(name):
    """The most particular entry of the table above that a module belongs to."""
    return max((layer for layer in LAYERS if within(name, layer)), key=len)


def test_layers():
    wrong = []
    for name, file in CODE:
        layer = layer_of(name)
        assert layer != PACKAGE or name == PACKAGE, f'{name} belongs to no layer: enter it in the table of this test'
        allowed = [f'{PACKAGE}.{target}' for target in LAYERS[layer]] + [layer] * (layer != PACKAGE)
        for target in imports(name, file):
            ours = within(target, PACKAGE) and not any(within(target, package) for package in allowed)
            if ours or target.partition('.')[0] in ('tools', 'configs', 'tests'):
                wrong.append(f'{name} may not import {target}')
    assert not wrong


def test_registries_are_touched_in_one_place():
    """All others take those of ``mmpose_ext.registry``, which find MMPose's types too."""
    names = 'MODELS', 'KEYPOINT_CODECS', 'DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS', 'OPTIM_WRAPPERS', 'Registry'
    forbidden = {f'{owner}.registry.{item}' for owner in ('mmpose', 'mmengine', 'mmdet') for item in names}
    wrong = [
        f'{name} imports {target}'
        for name, file in CODE
        if name != f'{PACKAGE}.registry'
        for target in forbidden.intersection(imports(name, file))
    ]
    assert not wrong


def test_the_layer_test_sees_what_it_should():
    """Imports of every kind are found, so that the tests above can fail."""
    name, file = f'{PACKAGE}.models.heads.heatmap_head', ROOT / PACKAGE / 'models' / 'heads' / 'heatmap_head.py'
    found = set(imports(name, file))
    assert f'{PACKAGE}.models.heads.map_head.MapHead' in found
    assert f'{PACKAGE}.functional.heatmap_pck' in found
    assert layer_of(name) == f'{PACKAGE}.models.heads'


# ---------------------------------------------------------------------------------------------
# budgets and habits


def code_lines(function):
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= function.body[0].end_lineno - function.body[0].lineno + 1
    return lines


def untyped(function):
    """What a function leaves without a type."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    arguments += [extra for extra in (function.args.vararg, function.args.kwarg) if extra]
    missing = {argument.arg for argument in arguments if not argument.annotation} - {'self', 'cls'}
    return missing | ({'return'} if not function.returns else set())


def mutable_defaults(function):
    defaults = [*function.args.defaults, *function.args.kw_defaults]
    return [default for default in defaults if isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call)]


def test_file_budget():
    lines = {str(file.relative_to(ROOT)): len(file.read_text(encoding='utf-8').splitlines()) for _, file in CODE}
    assert not {name: count for name, count in lines.items() if count > MAX_FILE_LINES}


FUNCTIONS = [(f'{name}:{function.name}', function) for name, file in CODE for function in functions(TREES[file])]


def test_function_budget():
    lines = {name: code_lines(function) for name, function in FUNCTIONS}
    assert not {name: count for name, count in lines.items() if count > MAX_FUNCTION_LINES}


def test_signatures_are_typed():
    assert not {name: untyped(function) for name, function in FUNCTIONS if untyped(function)}


def test_no_mutable_default():
    assert not [name for name, function in FUNCTIONS if mutable_defaults(function)]


def test_no_assert():
    """They vanish under ``python -O``; errors are exceptions with a message."""
    assert not [name for name, file in CODE if any(isinstance(node, ast.Assert) for node in ast.walk(TREES[file]))]


def test_modules_have_a_docstring_and_list_their_names():
    for name, file in CODE:
        assert ast.get_docstring(TREES[file]), name
        assignments = [node for node in TREES[file].body if isinstance(node, ast.Assign)]
        listed = '__all__' in [getattr(target, 'id', None) for node in assignments for target in node.targets]
        assert listed or name.startswith(('tools', 'benchmarks')) or not functions(TREES[file]), name


def test_the_habit_tests_see_what_they_should():
    bad = functions(ast.parse('def f(a, *b, c: int = 3, d={}, **e) -> None:\n    """Say."""\n    return\n'))[0]
    assert untyped(bad) == {'a', 'b', 'd', 'e'}
    assert len(mutable_defaults(bad)) == 1
    assert code_lines(bad) == 2


# ---------------------------------------------------------------------------------------------
# public names: a change here is a change of the interface

PUBLIC = {
    'mmpose_ext': ['__version__', 'config_path'],
    'mmpose_ext.registry': [
        *('DATASETS', 'HOOKS', 'KEYPOINT_CODECS', 'METRICS', 'MODELS', 'OPTIM_WRAPPERS', 'TRANSFORMS', 'VISUALIZERS')
    ],
    'mmpose_ext.functional': [
        'Camera',
        'ERROR_FAMILIES',
        'REDUCTIONS',
        'SCORES',
        'align_similarity',
        'area_under_curve',
        'auroc',
        'average_precision',
        'back_project',
        'base_log_density',
        'base_quantiles',
        'bounded_log_sigma',
        'calibration_error',
        'cell_sides',
        'check_blur_kernel_size',
        'check_choice',
        'check_floating',
        'check_positive',
        'check_shape',
        'check_size',
        'coordinate_error',
        'coordinate_labels',
        'crop_box',
        'dark_refine',
        'debias_points',
        'depth_labels',
        'depth_to_normalized',
        'disk_targets',
        'error_log_density',
        'find_peaks',
        'find_root',
        'find_volume_peaks',
        'full_precision',
        'gaussian_targets',
        'gaussian_vectors',
        'has_weight',
        'heatmap_binary_cross_entropy',
        'heatmap_cross_entropy',
        'heatmap_pck',
        'heatmap_square_error',
        'heatmap_to_input',
        'heatmap_to_normalized',
        'input_to_heatmap',
        'input_to_normalized',
        'keypoint_oks',
        'likelihood_loss',
        'log_overlap',
        'mahalanobis',
        'map_covariances',
        'mask_gradient',
        'mixture_covariances',
        'modulated_patches',
        'normalized_cross_entropy',
        'normalized_distances',
        'normalized_to_depth',
        'normalized_to_heatmap',
        'normalized_to_input',
        'one_hot_targets',
        'one_hot_vectors',
        'pck',
        'pck_curve',
        'pearson',
        'product_moments',
        'project_points',
        'quarter_shift',
        'region_radius',
        'render_gaussians',
        'resample',
        'root_relative',
        'scale_covariances',
        'second_moments',
        'soft_argmax',
        'soft_argmax_scores',
        'spatial_softmax',
        'spearman',
        'standard_normal_log_density',
        'standardize',
        'transform_covariances',
        'uniform_covariances',
        'upcast',
        'volume_cross_entropy',
        'volume_quarter_shift',
        'volume_square_error',
        'weighted_reduce',
    ],
    'mmpose_ext.engine': [
        'BFloat16OptimWrapper',
        'ComputeHook',
        'DumpPredictionsHook',
        'PreemptionHook',
        'ResumeHook',
        'SafeCheckpointHook',
    ],
    'mmpose_ext.codecs': [
        'DarkHeatmap',
        'Encoded',
        'IntegralLabel',
        'KeypointCodec',
        'Keypoints',
        'MMPoseCodec',
        'MapFormat',
        'RegressionLabel',
        'keypoint_codec',
    ],
    'mmpose_ext.evaluation': [
        'CameraMPJPE',
        'CocoMetric',
        'ConfidenceCorrelation',
        'FasterCocoMetric',
        'FasterCocoWholeBodyMetric',
        'JointPairs',
        'KeypointCalibration',
        'PCKhAccuracy',
        'TorsoPCKAccuracy',
        'coco_figures',
    ],
    'mmpose_ext.lab.checkpoints': ['convert_checkpoint'],
    'mmpose_ext.lab.dataset_converters': ['convert_flic', 'convert_lsp'],
    'mmpose_ext.datasets.crop_cache': ['Crop', 'CropFile', 'CropFromCache', 'RegionFromCache', 'crop_cache'],
    'mmpose_ext.datasets.flic_dataset': ['FlicDataset'],
    'mmpose_ext.datasets.human36m_image_dataset': ['Human36mImageDataset', 'parse_image_name'],
    'mmpose_ext.datasets.lsp_dataset': ['LspDataset'],
    'mmpose_ext.datasets.synthetic3d_dataset': ['Synthetic3dDataset'],
    'mmpose_ext.datasets.transforms': [
        'CorruptLabels',
        'DropLabels',
        'LoadRegion',
        'PackRegion',
        'RandomChannelScale',
        'UnknownDepth',
    ],
    'mmpose_ext.runtime': [
        'Calibration',
        'CropSettings',
        'Frame',
        'OnePersonFinder',
        'OnnxPoseModel',
        'People',
        'Skeleton',
        'draw_people',
        'open_source',
        'open_sources',
        'read_calibration',
    ],
    'mmpose_ext.visualization': ['PoseVisualizer'],
    'mmpose_ext.weights': ['DEFAULT', 'MODELS', 'TrainedModel', 'find_model'],
    'mmpose_ext.models': ['backbones', 'data_preprocessors', 'distillers', 'heads', 'losses'],
    'mmpose_ext.models.backbones': ['MultiStageResNet', 'StackedHourglass', 'TimmBackbone'],
    'mmpose_ext.models.data_preprocessors': ['DeviceAugmentation', 'PoseDataPreprocessor'],
    'mmpose_ext.models.distillers': ['PoseDistiller', 'without_teacher'],
    'mmpose_ext.models.heads': [
        'AdjustTargets',
        'BaseHead',
        'Features',
        'HeadStep',
        'HeatmapHead',
        'IntegralHead',
        'IntegralHead3D',
        'IntegralRLEHead',
        'MapHead',
        'MultiStageHead',
        'RLEHead',
        'RegressionHead',
        'Samples',
        'StageMaps',
    ],
    'mmpose_ext.models.losses': [
        'CoordinateLoss',
        'HeatmapBCELoss',
        'HeatmapCrossEntropyLoss',
        'HeatmapDistillationLoss',
        'RLELoss',
        'VolumeCrossEntropyLoss',
        'VolumeLoss',
        'VolumeMSELoss',
        'WeightedLoss',
    ],
    'mmpose_ext.models.layers': [
        'Flow',
        'Hourglass',
        'PreactBottleneck',
        'Prediction',
        'RealNVP',
        'ZukoFlow',
        'conv_stack',
        'deconv_stack',
        'final_conv',
        'map_layers',
        'log_prob_where',
        'predict_maps',
        'residual_modules',
    ],
    'mmpose_ext.models.utils': [
        'GatheredSamples',
        'SampleKeypoints',
        'Targets',
        'average_keypoints',
        'average_maps',
        'average_points',
        'average_scores',
        'axis_weights',
        'gather_keypoints',
        'gather_stage_targets',
        'gather_targets',
        'labeled_joints',
        'mask_joints',
        'needed_targets',
        'normalization',
    ],
}


@pytest.mark.parametrize('name', PUBLIC)
def test_public_names(name):
    module = importlib.import_module(name)
    assert sorted(module.__all__) == sorted(PUBLIC[name])
    for item in module.__all__:
        assert getattr(module, item) is not None
        assert (
            item.startswith('__')
            or item in ('heads', 'AdjustTargets')
            or item.isupper()
            or getattr(module, item).__doc__
        ), item


# ---------------------------------------------------------------------------------------------
# what an import costs


def fresh(code):
    """What a fresh interpreter prints; fails with its error output."""
    result = subprocess.run([sys.executable, *code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_the_package_loads_next_to_nothing_and_warns_of_nothing():
    """Whatever the packages around it do: they are loaded first."""
    added = fresh(
        [
            '-c',
            'import sys, warnings, mmpose, mmengine.logging\n'
            'before = set(sys.modules)\n'
            'warnings.simplefilter("error")\n'
            'import mmpose_ext\n'
            'print(*sorted(set(sys.modules) - before))\n',
        ]
    ).split()
    assert set(added) == {PACKAGE, *(f'{PACKAGE}.{part}' for part in ('compat', 'config', 'version'))}


def test_registries_fill_themselves_at_the_first_look():
    printed = fresh(
        [
            '-c',
            'import sys, mmpose_ext.registry as registry\n'
            'assert "mmpose.models" not in sys.modules\n'
            'print(registry.KEYPOINT_CODECS.get("DarkHeatmap").__name__)\n'
            'assert "mmpose.models" not in sys.modules\n'
            'print(registry.MODELS.get("HeatmapHead").__module__)\n',
        ]
    )
    assert printed.split() == ['DarkHeatmap', 'mmpose_ext.models.heads.heatmap_head']
