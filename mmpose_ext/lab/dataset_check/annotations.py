"""Everything that can be said about the annotations of a dataset without running a pipeline."""

import numpy as np
from mmpose.utils.typing import ConfigType

from mmpose_ext.lab.matlab import read_variable

from .annotated_people import check_duplicates, check_filter
from .boxes import check_areas, check_boxes
from .detections import check_bbox_file, check_head_boxes
from .files import check_file, is_remote, read_json
from .finding_list import Report
from .joints import check_converters, check_joint_count, check_joint_names, check_left_right, converted_joints
from .keypoints import check_keypoints, check_visibility
from .metainfo import check_metainfo
from .pipeline import uses_weights
from .records import Records
from .source import Source, extra_files

__all__ = ['check_annotations', 'check_extra_files', 'check_joints']


def check_joints(
    source: Source, records: Records | None, target: ConfigType | None, predicted: int | None, report: Report
) -> None:
    """Number and names of the joints on their way from the file to the head.

    Args:
        source: The dataset.
        records: Its annotations, if they hold the joints as MMPose uses them.
        target: Parsed metainfo of the CombinedDataset around it, or None.
        predicted: Number of joints of the head, or None.
        report: Gets the findings.
    """
    phase, names = source.phase, source.joint_names
    annotated = None if records is None or not len(records.image) else records.keypoints.shape[1]
    behind = converted_joints(source.pipeline, len(names))
    if target is None and behind == len(names):
        report.check(phase, check_joint_count, annotated, len(names), predicted, phase)
        return
    report.check(phase, check_joint_count, annotated, len(names), None, phase)
    targets = None
    if target is not None:
        targets = list(target['keypoint_id2name'].values())
        report.check(phase, check_metainfo, target, phase, False, uses_weights(source.pipeline))
    report.check(phase, check_converters, source.pipeline, names, targets, phase)
    final = len(targets) if targets is not None else behind
    report.check(phase, check_joint_count, None, final, predicted, phase)
    if targets is not None and behind != len(targets):
        what = f'the transforms lead to {behind} joints, and the metainfo around the dataset has {len(targets)}'
        report.add('error', 'joint-count', phase, what, 'a KeypointConverter must lead to the joints of the metainfo')


def check_annotations(
    source: Source, file: Records | None, people: Records | None, by_mmpose: bool, area_used: bool, report: Report
) -> None:
    """Boxes, joints and visibilities of the people.

    Args:
        source: The dataset.
        file: The annotations as the file holds them, or None.
        people: The people as MMPose uses them, or None.
        by_mmpose: Whether the config's head is one of MMPose's own.
        area_used: Whether an evaluator takes the annotated areas.
        report: Gets the findings.
    """
    phase, names = source.phase, source.joint_names
    if people is not None:
        report.check(phase, check_filter, people, phase)
        report.check(phase, check_boxes, people, phase, source.squares or not source.counts)
        labels = names if people.keypoints.shape[1] == len(names) else []
        report.check(phase, check_visibility, people, labels, phase, by_mmpose)
        report.check(phase, check_keypoints, people, phase)
        report.check(phase, check_duplicates, people, phase)
        if labels:
            report.check(phase, check_left_right, people, source.metainfo['flip_indices'], names, phase)
    if file is not None and source.counts:
        report.check(phase, check_joint_names, file.joint_names, names, phase)
    if file is not None and source.kind == 'coco' and phase != 'train':
        report.check(phase, check_areas, file, phase, area_used)


def check_extra_files(source: Source, records: Records | None, report: Report) -> None:
    """Detected boxes, boxes of heads and other files that the config names.

    Args:
        source: The dataset.
        records: Its annotations as the file holds them, or None.
        report: Gets the findings.
    """
    phase, boxes = source.phase, source.config.get('bbox_file')
    if boxes and not is_remote(boxes):
        found = report.call(phase, read_json, boxes, 'bbox_file', phase)
        content, problems = found if found is not None else (None, [])
        report.findings += problems
        if content is not None and records is not None:
            threshold = (source.config.get('filter_cfg') or {}).get('bbox_score_thr', 0.0)
            report.check(phase, check_bbox_file, content, records, threshold, phase)
    for key, path in extra_files(source).items():
        if report.check(phase, check_file, str(path), key, phase) or key != 'headbox_file':
            continue
        try:
            array = np.asarray(read_variable(path, 'headboxes_src'))
        except (OSError, ValueError) as error:
            report.add_error('head-boxes', phase, f'headbox_file: {path} cannot be read', error)
            continue
        if records is not None:
            report.check(phase, check_head_boxes, array, len(records.image), phase)
