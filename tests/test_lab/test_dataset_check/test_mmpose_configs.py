"""MMPose's own configs with sound data: the check finds nothing to complain about."""

from pathlib import Path

import pytest
from mmpose_datasets import prepare

from mmpose_ext.lab.dataset_check import check, check_dataset, format_findings

BODY = 'body_2d_keypoint'
# one of each codec, format of annotations, head that wraps another, converter and evaluator
CONFIGS = [
    f'{BODY}/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py',
    f'{BODY}/topdown_heatmap/coco/td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192.py',
    f'{BODY}/topdown_heatmap/coco/td-hm_hrnet-w32_udp-regress-8xb64-210e_coco-256x192.py',  # offsets
    f'{BODY}/topdown_heatmap/coco/td-hm_mspn50_8xb32-210e_coco-256x192.py',  # several encoders
    f'{BODY}/topdown_heatmap/coco/cspnext-m_udp_8xb256-210e_aic-coco-256x192.py',  # converter, fewer joints in testing
    f'{BODY}/topdown_heatmap/coco/td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py',  # a head in a head
    f'{BODY}/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py',
    f'{BODY}/integral_regression/coco/ipr_res50_8xb64-210e_coco-256x256.py',
    f'{BODY}/integral_regression/coco/ipr_res50_dsnt-8xb64-210e_coco-256x256.py',
    f'{BODY}/topdown_regression/coco/td-reg_res50_rle-8xb64-210e_coco-256x192.py',
    'wholebody_2d_keypoint/topdown_heatmap/coco-wholebody/td-hm_res50_8xb64-210e_coco-wholebody-256x192.py',
    'face_2d_keypoint/topdown_heatmap/wflw/td-hm_hrnetv2-w18_8xb64-60e_wflw-256x256.py',
    'hand_2d_keypoint/topdown_heatmap/rhd2d/td-hm_res50_8xb64-210e_rhd2d-256x256.py',
    'hand_2d_keypoint/topdown_heatmap/freihand2d/td-hm_res50_8xb64-100e_freihand2d-224x224.py',
    'animal_2d_keypoint/topdown_heatmap/ap10k/td-hm_res50_8xb64-210e_ap10k-256x256.py',
    'wholebody_2d_keypoint/dwpose/coco-wholebody/s1_dis/dwpose_l_dis_m_coco-256x192.py',  # a model without a head
]


@pytest.mark.parametrize('name', CONFIGS, ids=lambda name: Path(name).stem)
def test_no_false_alarm(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the data is what this is about; the networks are MMPose's at full size
    monkeypatch.setattr(check, 'build_model', lambda *_: (None, []))
    findings = check_dataset(str(prepare(name, tmp_path)), samples=4)
    alarms = [one for one in findings if one.level in ('warning', 'error')]
    assert not alarms, format_findings(alarms)
    for phase in ('train', 'val'):
        assert any(one.check == 'pipeline-run' and one.where == phase and one.level == 'ok' for one in findings)
