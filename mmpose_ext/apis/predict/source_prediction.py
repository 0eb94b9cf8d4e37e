"""One call from a source of images and a model to people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmpose_ext.runtime.drawing import DrawSettings
from mmpose_ext.runtime.one_person import OnePersonFinder
from mmpose_ext.runtime.sources import ImageSource, Source, VideoSource, open_sources
from mmpose_ext.weights import DEFAULT, find_model

from .box_files import BoxFile
from .journal import file_stamp
from .loading import check_threshold
from .output import DRAWINGS
from .pose_model import PoseModel, TorchPoseModel
from .run import BoxFinder, Prediction, Tracker, run_prediction

__all__ = ['predict']


def predict(
    source: Source,
    model: str | Path | None = None,
    weights: str | Path | None = None,
    *,
    detector: str | Path | None = None,
    detector_weights: str | Path | None = None,
    category: str | int = 'person',
    boxes: str | Path | None = None,
    box_thr: float = 0.3,
    out_dir: str | Path | None = None,
    draw: DrawSettings | None = None,
    track: bool = False,
    flip: bool | None = None,
    covariances: bool | None = None,
    calibration: str | Path | None = None,
    batch_size: int = 32,
    device: str = 'auto',
    resume: bool = False,
    progress: bool = False,
) -> Prediction:
    """Find the joints of the people in images.

    Args:
        source: An image, a folder, a pattern, a list of files or arrays, an array (uint8, BGR), a video, a stream or
            the number of a camera. Folders, patterns and lists may hold images and videos.
        model: Config of the model, or its name below ``configs/``; not needed with an exported model. Without
            ``weights`` the name of a model that comes with the package (:data:`mmpose_ext.weights.MODELS`); None:
            'lsp14'.
        weights: Checkpoint (``.pth``) of the model, or an exported model (``.onnx``).
        detector: Config of a detector of MMDetection that finds the people, or an alias such as 'human', whose
            weights are downloaded.
        detector_weights: Its checkpoint.
        category: What the detector looks for: the name or the number of one of its categories.
        boxes: Boxes of the people instead of a detector: COCO annotations, COCO detections or CSV, see
            :class:`~mmpose_ext.apis.predict.box_files.BoxFile`. Without detector and boxes each image shows one
            person, whom the model itself looks for: :class:`~mmpose_ext.runtime.OnePersonFinder`.
        box_thr: Boxes with a lower score are left out.
        out_dir: Folder of the results (COCO json, or the json of a video, and drawings); None: nothing is written.
            Where there are several videos, or images and videos, each video has a folder of its name in it.
        draw: How people are drawn into ``out_dir``; None: they are not drawn.
        track: Give the people of a video numbers that stay with them.
        flip: Whether to average with the mirrored image; None: as the config says. An exported model has its own.
        covariances: Whether to predict the covariance of each joint, too; None: as the config says. An exported model
            has its own setting.
        calibration: File of ``tools/calibrate.py`` for this checkpoint, which is applied to scores and covariances;
            None: as the config says. An exported model has its own.
        batch_size: Largest number of people who go through the network at once.
        device: 'auto' (a GPU where there is one), 'cpu', 'cuda:0' and so on.
        resume: Take over what an earlier run with the same settings into the same folder has done.
        progress: Show a line with the remaining time on the error output.

    Returns:
        People of each image, then of each video's frames, with what was skipped and the time of each part.

    Raises:
        ValueError: If a file is missing, an argument is out of range, or ``out_dir`` cannot be used; the message names
            the argument.
        OSError: If the results cannot be written, such as to a full disk.
    """
    if weights is None:
        model, weights = find_model(DEFAULT if model is None else str(model))
    sources = open_sources(source)
    check_threshold('box_thr', box_thr)
    trackers = [_tracker(images) if track else None for images in sources]
    if track and not any(trackers):
        raise ValueError("'track' must be False for still images, got True")
    files = dict(model=model, weights=weights, detector=detector, detector_weights=detector_weights, boxes=boxes)
    files['calibration'] = calibration
    options: dict[str, object] = dict(category=category, box_thr=box_thr, flip=flip, covariances=covariances)
    options |= dict(track=track, draw=repr(draw))
    pose_model = _pose_model(model, weights, device, batch_size, flip, covariances, calibration)
    finder = _finder(pose_model, detector, detector_weights, category, boxes, box_thr, device)
    result, settings = Prediction(), _described(files) | options
    for images, tracker, folder in zip(sources, trackers, _folders(out_dir, sources), strict=True):
        result.add(run_prediction(images, pose_model, finder, folder, draw, tracker, resume, progress, settings))
        if result.interrupted:
            break
    return result


def _folders(out_dir: str | Path | None, sources: Sequence[ImageSource | VideoSource]) -> list[Path | None]:
    """A folder of results for each source: ``out_dir`` itself for images and for a single video."""
    if out_dir is None:
        return [None] * len(sources)
    if len(sources) == 1:
        return [Path(out_dir)]
    folders: list[Path | None] = []
    taken = {DRAWINGS}
    for index, source in enumerate(sources):
        if isinstance(source, ImageSource):
            folders.append(Path(out_dir))
            continue
        name = source.stem
        while name in taken:
            name = f'{name}_{index}'
        taken.add(name)
        folders.append(Path(out_dir) / name)
    return folders


def _described(files: Mapping[str, str | Path | None]) -> dict[str, object]:
    """Names of files, and what tells them from others of the same name, as values that json can hold."""
    described: dict[str, object] = {}
    for name, file in files.items():
        described |= {name: None if file is None else str(file), f'{name}_stamp': file_stamp(file)}
    return described


def _pose_model(
    model: str | Path | None,
    weights: str | Path,
    device: str,
    batch_size: int,
    flip: bool | None,
    covariances: bool | None,
    calibration: str | Path | None,
) -> PoseModel:
    if not Path(weights).is_file():
        raise ValueError(f"'weights' must be a checkpoint or an exported model, got {str(weights)!r}")
    if Path(weights).suffix.lower() == '.onnx':
        for name, value in dict(flip=flip, covariances=covariances, calibration=calibration).items():
            if value is not None:
                raise ValueError(
                    f"'{name}' must be None with an exported model, which has its own setting, got {value}"
                )
        from mmpose_ext.runtime.onnx_model import OnnxPoseModel  # needs the extra 'export', which torch's models do not

        providers = None if device in ('auto', 'cpu') else ['CUDAExecutionProvider', 'CPUExecutionProvider']
        return OnnxPoseModel(weights, batch_size, providers=providers)
    if model is None:
        raise ValueError(f"'model' must be the config of the checkpoint {weights}, got None")
    return TorchPoseModel(model, weights, device, batch_size, flip, covariances, calibration)


def _finder(
    pose_model: PoseModel,
    detector: str | Path | None,
    detector_weights: str | Path | None,
    category: str | int,
    boxes: str | Path | None,
    box_thr: float,
    device: str,
) -> BoxFinder | BoxFile:
    if boxes is not None and detector is not None:
        raise ValueError(f"'boxes' and 'detector' must not both be given, got {str(boxes)!r} and {str(detector)!r}")
    if boxes is not None:
        return BoxFile(boxes, box_thr)
    if detector is None:
        return OnePersonFinder(pose_model)
    from .detector import Detector  # MMDetection takes seconds to import, and only this needs it

    return Detector(detector, detector_weights, category, box_thr, device=device)


def _tracker(source: ImageSource | VideoSource) -> Tracker | None:
    if isinstance(source, ImageSource):
        return None
    from .tracking import PeopleTracker

    return PeopleTracker(source.rate)
