"""One call from a config and a checkpoint to an exported model that was compared with the one of torch."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmpose_ext.apis.predict.box_files import BoxFile
from mmpose_ext.apis.predict.pose_model import build_model
from mmpose_ext.registry import DATASETS
from mmpose_ext.runtime.calibration import read_calibration
from mmpose_ext.runtime.crops import CropSettings, boxes_to_regions, crop_person, usable_boxes, whole_image
from mmpose_ext.runtime.skeleton import Skeleton
from mmpose_ext.runtime.sources import Source, open_source

from .comparison import HALF_SHARE, ExportReport, compare_with_torch
from .graph import PoseGraph
from .onnx_file import export_onnx, graph_settings, require_packages

__all__ = ['export_model']

_TOLERANCE, _HALF_TOLERANCE = 1e-3, 0.1  # pixels; numbers of 16 bits have 3 digits


def export_model(
    model: str | Path,
    weights: str | Path | None = None,
    out: str | Path = 'model.onnx',
    *,
    flip: bool = False,
    fp16: bool = False,
    covariances: bool = False,
    calibration: str | Path | None = None,
    images: Source | None = None,
    boxes: str | Path | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Export a model as an ONNX file, and compare it with torch on crops of people.

    The graph takes crops (B, 3, h, w) uint8 in BGR, with any B, and returns ``keypoints`` (B, K, D) in input pixels
    (and millimeters), ``scores`` (B, K) and, of models that predict them, ``sigmas`` (B, K, D); with
    ``covariances`` also these, (B, K, D, D). What a runtime has to know beside that is in the metadata of the file;
    :class:`mmpose_ext.runtime.OnnxPoseModel` reads it.

    Args:
        model: Config, or its name below ``configs/``; without ``weights`` the name of a model that comes with the
            package, see :data:`mmpose_ext.weights.MODELS`.
        weights: Checkpoint.
        out: The ``.onnx`` file.
        flip: Whether the graph averages with the mirrored crops, which takes twice as long.
        fp16: Whether weights and activations of the network have 16 bits; keypoints are decoded in 32.
        covariances: Whether the covariance of each keypoint is an output, too.
        calibration: File of ``tools/calibrate.py`` for this checkpoint. It goes into the metadata of the file, and
            :class:`mmpose_ext.runtime.OnnxPoseModel` applies it to people; the outputs of the graph stay as they are.
        images: Images to compare on; default the people of the config's test data, or noise where these are missing.
        boxes: Boxes of the people on ``images``, see :class:`~mmpose_ext.apis.predict.box_files.BoxFile`; default one
            person fills each image.
        tolerance: Largest difference in pixels that is accepted; default 1e-3. With ``fp16`` it is the one that 95 of
            100 joints must not exceed, default 0.1: where a heatmap is flat, rounding moves its maximum anywhere.

    Returns:
        The differences; ``is_met`` tells whether they are accepted.

    Raises:
        ValueError: If a file is missing, or the model cannot be exported.
        ImportError: If a package of the extra ``export`` is missing.
    """
    require_packages()
    if boxes is not None and images is None:
        raise ValueError(f"'boxes' must be None without 'images', got {str(boxes)!r}")
    estimator = build_model(model, weights)
    config = estimator.cfg
    graph = PoseGraph(estimator, flip, covariances)
    settings = graph_settings(graph, config)
    if calibration is not None:
        found = read_calibration(calibration)
        found.check_model(Skeleton.from_metainfo(estimator.dataset_meta).joint_names)
        settings['calibration'] = found.to_dict()
    width, height = graph.codec.input_size
    crop = CropSettings((int(width), int(height)), float(str(settings['padding'])), bool(settings['udp']))
    crops = _crops_of_data(config) if images is None else _crops_of_images(images, boxes, crop)
    noise = not len(crops)
    if noise:
        crops = np.random.default_rng(0).integers(0, 256, (8, height, width, 3), dtype=np.uint8)
    export_onnx(copy.deepcopy(graph).half() if fp16 else graph, out, settings)
    if tolerance is None:
        tolerance = _HALF_TOLERANCE if fp16 else _TOLERANCE
    inputs = np.ascontiguousarray(crops.transpose(0, 3, 1, 2))
    report = compare_with_torch(graph, out, inputs, tolerance, HALF_SHARE if fp16 else 1.0)
    return replace(report, noise=noise)


def _crops_of_images(source: Source, boxes: str | Path | None, crop: CropSettings, most: int = 64) -> np.ndarray:
    """Crops (N, h, w, 3) of people on images, N at most 64."""
    finder = None if boxes is None else BoxFile(boxes)
    crops: list[np.ndarray] = []
    for frame in open_source(source):
        if frame.image is None:
            continue
        found = whole_image(frame.image) if finder is None else finder(frame.name)
        usable, _ = usable_boxes(np.zeros((0, 4)) if found is None else found[:, :4], frame.image.shape[1::-1])
        regions = boxes_to_regions(np.zeros((0, 4)) if found is None else found[usable, :4], crop)
        crops += [crop_person(frame.image, *region, crop) for region in zip(*regions, strict=True)]
        if len(crops) >= most:
            break
    return _stacked(crops[:most])


def _crops_of_data(config: Config, most: int = 32) -> np.ndarray:
    """Crops (N, h, w, 3) of the config's test data, N at most 32; none if these are not there."""
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpose')):
        try:
            dataset = DATASETS.build(config.test_dataloader.dataset)
        except (AssertionError, OSError, ValueError):  # MMPose asserts that annotation files exist
            return _stacked([])
        step = max(1, len(dataset) // most)
        samples = [dataset[index]['inputs'] for index in range(0, len(dataset), step)][:most]
    return _stacked([sample.permute(1, 2, 0).numpy() for sample in samples])


def _stacked(crops: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(crops) if crops else np.zeros((0, 0, 0, 3), np.uint8)
