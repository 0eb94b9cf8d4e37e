"""Images of what a trained model predicts: skeletons, heatmaps, training curves."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.apis import inference_topdown, init_model
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.structures import PoseDataSample, merge_data_samples
from mmpose.visualization import PoseLocalVisualizer
from xtcocotools.coco import COCO

from mmpose_ext.files import parse_json

__all__ = ['draw_heatmaps', 'draw_predictions', 'plot_curves', 'predict_image', 'read_scalars']

_DRAWN_WIDTH = 800  # small images are enlarged to about this many pixels, so that lines and joints stay apart


def predict_image(model: BasePoseEstimator, image: str, boxes: np.ndarray) -> list[PoseDataSample]:
    """Predict all people of an image, with their heatmaps.

    Args:
        model: From MMPose's ``init_model``.
        image: File name.
        boxes: (N, 4) as left, top, right, bottom in pixels.

    Returns:
        N samples with ``pred_instances`` and ``pred_fields``.
    """
    before = model.test_cfg.get('output_heatmaps', False)
    model.test_cfg['output_heatmaps'] = True
    try:
        return inference_topdown(model, image, boxes)
    finally:
        model.test_cfg['output_heatmaps'] = before


def _read(image: str) -> np.ndarray:
    """An image as (H, W, 3) RGB."""
    pixels = cv2.imread(image)
    if pixels is None:
        raise ValueError(f"'image' must be a file that OpenCV can read, got {image!r}")
    return pixels[..., ::-1]


def _enlarged(image: np.ndarray, instances: InstanceData) -> tuple[np.ndarray, InstanceData]:
    """An image and its instances (keypoints (N, K, 2), boxes (N, 4) in pixels), enlarged by a whole number."""
    factor = max(1, round(_DRAWN_WIDTH / image.shape[1]))
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    scaled = instances.clone()
    for name in ('keypoints', 'bboxes'):
        # cv2.resize maps the center of pixel i to the center of its block of enlarged pixels
        scaled.set_field((instances[name] + 0.5) * factor - 0.5, name)
    scaled.bboxes = scaled.bboxes.clip(0, np.tile(image.shape[1::-1], 2) - 1)
    return image, scaled


def draw_predictions(
    model: BasePoseEstimator,
    image: str,
    samples: Sequence[PoseDataSample],
    out_file: str,
    score_threshold: float = 0.2,
) -> None:
    """Draw the predicted skeletons of an image, and the boxes that it was cropped by.

    Args:
        model: The model that predicted; its ``dataset_meta`` gives skeleton and colors.
        image: File name.
        samples: One per person, from :func:`predict_image`.
        out_file: Where the drawn image goes.
        score_threshold: Joints with a lower score are left out.
    """
    pixels, instances = _enlarged(_read(image), merge_data_samples(list(samples)).pred_instances)
    size = max(2, pixels.shape[1] // 250)
    # MMPose's other backend, OpenCV, fails on the numpy scalars of numpy 2.4
    visualizer = PoseLocalVisualizer(radius=size + 1, line_width=size, backend='matplotlib')
    visualizer.set_dataset_meta(model.dataset_meta)
    sample = PoseDataSample()
    sample.pred_instances = instances
    visualizer.add_datasample(
        'prediction',
        np.ascontiguousarray(pixels),
        sample,
        draw_gt=False,
        draw_bbox=True,
        kpt_thr=score_threshold,
        out_file=out_file,
    )


def draw_heatmaps(
    model: BasePoseEstimator, image: str, sample: PoseDataSample, out_file: str, columns: int = 6
) -> None:
    """Draw the heatmap of every joint of one person over its crop, with the decoded point.

    Args:
        model: The model that predicted; its ``dataset_meta`` names the joints.
        image: File name.
        sample: One person's, from :func:`predict_image`.
        out_file: Where the PNG goes.
        columns: Number of maps in a row.
    """
    from matplotlib.figure import Figure  # here, because tools that draw nothing need not wait for it

    center, scale = np.asarray(sample.input_center), np.asarray(sample.input_scale)
    width, height = sample.input_size
    to_crop = np.array([width, height]) / scale
    offset = center - 0.5 * scale
    matrix = np.array([[to_crop[0], 0, -offset[0] * to_crop[0]], [0, to_crop[1], -offset[1] * to_crop[1]]])
    crop = cv2.warpAffine(_read(image), matrix, (width, height))
    maps = sample.pred_fields.heatmaps.float().cpu().numpy()
    points = (sample.pred_instances.keypoints[0] - offset) * to_crop
    scores = sample.pred_instances.keypoint_scores[0]
    names = model.dataset_meta['keypoint_id2name']
    rows = -(-len(maps) // columns)
    figure = Figure(figsize=(1.7 * columns, (1.7 * height / width + 0.3) * rows), layout='constrained')
    # cell i of a map sits at pixel i * stride of the crop; the outermost cells reach half a stride further
    stride = np.array([width, height]) / maps.shape[:0:-1]
    left, top = -0.5 * stride
    extent = (left, width + left, height + top, top)
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if index < len(maps):
            axes.imshow(crop)
            strength = np.clip(maps[index] / max(maps[index].max(), 1e-6), 0, 1)  # of each joint's own highest cell
            axes.imshow(strength, extent=extent, cmap='inferno', alpha=0.85 * strength, interpolation='nearest')
            axes.plot(*points[index], '+', color='cyan', markersize=10)
            axes.set_xlim(-0.5, width - 0.5)
            axes.set_ylim(height - 0.5, -0.5)
            axes.set_title(f'{names[index]} {scores[index]:.2f}', fontsize=8)
    figure.savefig(out_file, dpi=110)


def read_scalars(work_dir: str) -> list[dict[str, float]]:
    """Records that MMEngine logged into a work directory, in the order of its runs (a resumed run adds one)."""
    return [record for file in sorted(Path(work_dir).glob('*/vis_data/scalars.json')) for record in _records(file)]


def _records(file: Path) -> list[dict[str, float]]:
    """The records of a log; its last line may be cut off, because the training was killed."""
    records: list[dict[str, float]] = []
    lines = [line for line in file.read_text(encoding='utf-8', errors='replace').splitlines() if line.strip()]
    for number, line in enumerate(lines):
        try:
            record = parse_json(line)
            if not isinstance(record, dict):
                raise ValueError('it is no json object')
        except ValueError as error:
            if number == len(lines) - 1:
                break
            raise ValueError(f'a log must have a json object in each line, got {str(file)!r}: {error}') from error
        records.append(record)
    return records


def plot_curves(work_dir: str, out_file: str, metric: str = 'coco/AP') -> None:
    """Plot the training loss over the iterations and the validation metric over the epochs.

    Args:
        work_dir: Work directory of a training.
        out_file: Where the PNG goes.
        metric: Name of the validation metric in the log.

    Raises:
        ValueError: If the work directory holds no training log.
    """
    from matplotlib.figure import Figure

    records = read_scalars(work_dir)
    # a resumed run logs some steps again: the later value counts
    losses = {record['step']: record['loss'] for record in records if 'loss' in record}
    metrics = {record['step']: record[metric] for record in records if metric in record}
    if not losses:
        raise ValueError(f"'work_dir' must hold the log of a training (*/vis_data/scalars.json), got {work_dir!r}")
    figure = Figure(figsize=(9, 3.5), layout='constrained')
    left, right = figure.subplots(1, 2)
    left.plot(list(losses), list(losses.values()))
    left.set(xlabel='iteration', ylabel='training loss')
    left.set_ylim(bottom=0)
    right.plot(list(metrics), list(metrics.values()), 'o-', color='tab:orange')
    right.set(xlabel='epoch', ylabel=f'validation {metric}', ylim=(0, 1))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(out_file, dpi=120)


def visualize_dataset(
    config: Config | str, checkpoint: str, out_dir: str, ann_file: str, image_dir: str, number: int = 12
) -> list[str]:
    """Draw predictions and heatmaps of the first images of a COCO-format annotation file.

    Args:
        config: MMEngine config or its file name.
        checkpoint: Weights.
        out_dir: Images go to its folders ``predictions`` and ``heatmaps``.
        ann_file: COCO-format annotations, whose person boxes are used.
        image_dir: Folder of the images.
        number: How many images.

    Returns:
        The files written.
    """
    model = init_model(config, checkpoint, device='cpu')
    annotations = COCO(ann_file)
    written = []
    for image in annotations.loadImgs(sorted(annotations.getImgIds())[:number]):
        people = annotations.loadAnns(annotations.getAnnIds(image['id']))
        boxes = np.array([person['bbox'] for person in people], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        file = str(Path(image_dir) / image['file_name'])
        samples = predict_image(model, file, boxes) if len(boxes) else []
        name = Path(image['file_name']).stem + '.png'
        for folder in ('predictions', 'heatmaps'):
            (Path(out_dir) / folder).mkdir(parents=True, exist_ok=True)
        if samples:
            written += [str(Path(out_dir) / folder / name) for folder in ('predictions', 'heatmaps')]
            draw_predictions(model, file, samples, written[-2])
            draw_heatmaps(model, file, samples[0], written[-1])
    return written
