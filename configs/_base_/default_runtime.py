"""What every config shares: HRNet's schedule, which others change, logging, checkpoints, environment."""

default_scope = 'mmpose'
# lets a program read checkpoints of this package before it builds a model
custom_imports = dict(imports=['mmpose_ext'], allow_failed_imports=False)

# Adam without warm-up and weight decay, as in the official implementations of HRNet and of the papers here
train_cfg = dict(by_epoch=True, max_epochs=210, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='MultiStepLR', milestones=[170, 200], gamma=0.1, by_epoch=True)]

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # an epoch is never lost; 'auto' is the first metric of the evaluator: coco/AP for CocoMetric
    checkpoint=dict(
        type='mmpose_ext.SafeCheckpointHook', interval=1, max_keep_ckpts=2, save_best='auto', rule='greater'
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # a training that is killed and resumed equals one that is not
    resume=dict(type='mmpose_ext.ResumeHook'),
    # SIGTERM saves the training and ends it with exit status 75
    preemption=dict(type='mmpose_ext.PreemptionHook'),
    # switched on by --show, --show-dir and --badcase
    visualization=dict(type='PoseVisualizationHook', enable=False),
    badcase=dict(type='BadCaseAnalysisHook', enable=False, out_dir='badcase', metric_type='loss', badcase_thr=5),
)
# running means and variances of BatchNorm: the mean over all processes, at the end of each epoch
custom_hooks = [dict(type='SyncBuffersHook')]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # our tools change this to gloo where there is no CUDA device
    dist_cfg=dict(backend='nccl'),
)

visualizer = dict(
    type='mmpose_ext.PoseVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer',
)
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True, num_digits=6)
log_level = 'INFO'
load_from = None
resume = False
backend_args = dict(backend='local')
