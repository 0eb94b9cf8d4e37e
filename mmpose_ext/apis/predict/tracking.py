"""Numbers that stay with people through a video, by the library ``trackers``."""

from dataclasses import replace

import numpy as np

from mmpose_ext.runtime.people import People

__all__ = ['PeopleTracker']


class PeopleTracker:
    """ByteTrack (Zhang et al., ECCV 2022) on the boxes of people.

    Args:
        rate: Frames per second of the video.

    Raises:
        ImportError: If ``trackers`` is not installed.
    """

    def __init__(self, rate: float) -> None:
        try:
            import supervision
            from trackers import ByteTrackTracker
        except ImportError as error:
            raise ImportError("tracking needs 'trackers': pip install 'mmpose_ext[tracking]'") from error
        self._detections = supervision.Detections
        self._tracker = ByteTrackTracker(
            frame_rate=rate,
            # boxes below the caller's own threshold are gone already
            track_activation_threshold=0.3,
            high_conf_det_threshold=0.3,
            minimum_consecutive_frames=1,
        )

    def __call__(self, people: People) -> People:
        """Number the people of the next frame.

        Returns:
            The people with ``track_ids`` (N,): -1 in the first frame that shows a person, and for people who are
            not followed.
        """
        found = self._tracker.update(
            self._detections(
                xyxy=people.boxes.astype(np.float32).reshape(-1, 4),
                confidence=people.box_scores.astype(np.float32),
                class_id=np.zeros(len(people), int),
                data=dict(person=np.arange(len(people))),
            )
        )
        track_ids = np.full(len(people), -1)
        if len(found) and found.tracker_id is not None:
            track_ids[found.data['person']] = found.tracker_id
        return replace(people, track_ids=track_ids)
