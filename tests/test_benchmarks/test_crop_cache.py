"""The comparison of the crop cache with whole images runs on a few people."""

from pathlib import Path

import pytest

from benchmarks.crop_cache import compare_crop_cache


@pytest.mark.usefixtures('mmpose_scope')
def test_report(tiny_data: Path) -> None:
    (tiny_data / 'train2017').symlink_to(tiny_data / 'train')
    lines = compare_crop_cache(f'{tiny_data}/', 'annotations/person_keypoints_train.json', 1)
    assert lines[0].startswith('4 people, 1 thread, 1 rounds')
    assert [line[:20].strip() for line in lines[2:]] == [
        'whole images',
        *(f'{form}, padding {padding}' for form in ('raw', 'jpeg') for padding in ('1.5', '2', '2.5', '3')),
    ]
    shares = [float(line.rpartition(' ')[2].rstrip('%')) for line in lines[3:]]
    assert shares[0] >= shares[3] == 0
