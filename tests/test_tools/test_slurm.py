"""tools/slurm_*.sh and the runner's jobs under a real Slurm: a partition without GPUs, preemptions."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS
from warm_python import WarmPython

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = 'munged', 'slurmctld', 'slurmd', 'sbatch', 'srun'
PATH = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
pytestmark = [
    pytest.mark.skipif(not all(shutil.which(name, path=PATH) for name in PROGRAMS), reason='Slurm is not installed'),
    pytest.mark.skipif(os.geteuid() != 0, reason='a Slurm of its own needs root'),
]

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 CoresPerSocket=4 RealMemory=2000 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES State=UP PriorityTier=1 GraceTime=30
PartitionName=high Nodes={host} State=UP PriorityTier=10 PreemptMode=OFF
"""


def free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(('127.0.0.1', 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope='module')
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment in which Slurm's commands find a cluster of one node."""
    folder = tmp_path_factory.mktemp('slurm')
    for name in ('state', 'spool', 'bin'):
        (folder / name).mkdir()
    host = socket.gethostname().partition('.')[0]
    (folder / 'slurm.conf').write_text(CONF.format(host=host, folder=folder, ports=free_ports()))
    (folder / 'munge.key').write_bytes(os.urandom(1024))
    (folder / 'munge.key').chmod(0o400)
    # the executor's job step removes SLURM_CONF, which is in /etc on a cluster
    wrapper = f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n'
    (folder / 'bin' / 'srun').write_text(wrapper)
    (folder / 'bin' / 'srun').chmod(0o755)
    environment = os.environ | dict(
        SLURM_CONF=str(folder / 'slurm.conf'), PATH=f'{folder}/bin:{PATH}', SLURM_FOLLOW_SECONDS='1'
    )
    environment |= dict(PYTHON=sys.executable, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
    names = {'key-file': 'key', 'socket': 'sock', 'pid-file': 'pid', 'log-file': 'log', 'seed-file': 'seed'}
    options = [f'--{option}={folder}/munge.{end}' for option, end in names.items()]
    for command in (['munged', '--force', *options], ['slurmctld'], ['slurmd']):
        subprocess.run(command, env=environment, check=True)
    yield environment
    for name in ('slurmd', 'slurmctld', 'munge'):
        subprocess.run(['kill', (folder / f'{name}.pid').read_text().strip()], check=False)


@pytest.fixture
def longer(tiny_config: Path) -> Path:
    """The tiny config with steps enough to be preempted in the middle, and a worker that gets SIGTERM as well."""
    text = "train_cfg['max_epochs'] = 40\ntrain_cfg['val_interval'] = 40\ntrain_dataloader['num_workers'] = 1\n"
    with tiny_config.open('a') as file:
        file.write(f"{text}default_hooks['checkpoint']['interval'] = 1000\n")
    return tiny_config


def wait_for(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 240
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_preempted_training_goes_on_by_itself(slurm: dict[str, str], longer: Path, tmp_path: Path) -> None:
    command = ['bash', str(ROOT / 'tools/slurm_train.sh'), 'low', 'try', str(longer), 'work']
    shown = tmp_path / 'shown.txt'
    with shown.open('w') as file:
        follower = subprocess.Popen(
            command, cwd=tmp_path, env=slurm | dict(CPUS_PER_TASK='4'), stdout=file, stderr=subprocess.STDOUT
        )
    wait_for(lambda: 'Epoch(train)' in shown.read_text() or follower.poll() is not None)
    more_urgent = ['sbatch', '-p', 'high', '-n1', '-c4', '-o', str(tmp_path / 'high.log'), '--wrap', 'true']
    subprocess.run(more_urgent, env=slurm, check=True, capture_output=True)
    assert follower.wait(240) == 0, shown.read_text()[-3000:]
    first, second = shown.read_text().split('it is requeued')
    assert 'ends with exit status 75' in first
    at = int(re.findall(r'resumed epoch: \d+, iter: (\d+)', second)[0])
    assert at > 0 and len(re.findall(r'Epoch\(train\)', first + second)) == 80  # every step once
    assert (tmp_path / 'work' / 'epoch_40.pth').is_file() and shown.read_text().rstrip().endswith(': COMPLETED')


@pytest.mark.usefixtures('mmpose_scope')
def test_a_test_with_two_processes_in_one_job(
    slurm: dict[str, str], tiny_config: Path, tmp_path: Path, warm_python: WarmPython
) -> None:
    torch.save(dict(state_dict=MODELS.build(Config.fromfile(tiny_config).model).state_dict()), tmp_path / 'w.pth')
    command = ['bash', str(ROOT / 'tools/slurm_test.sh'), 'low', 'try', str(tiny_config), 'w.pth', '--out', 'm.json']
    variables = slurm | dict(PROCESSES='2', PYTHON=warm_python.executable)
    done = subprocess.run(command, cwd=tmp_path, env=variables, text=True, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert 'coco/AP' in (tmp_path / 'm.json').read_text() and 'gloo' in done.stdout


JOB = """
import os, signal, subprocess, sys, time, zipfile
from pathlib import Path

output, state = Path(sys.argv[1]), Path(sys.argv[2])
signal.signal(signal.SIGTERM, lambda *_: (print('saving', flush=True), sys.exit(75)))
if not state.exists():
    state.write_text('started')
    time.sleep(200)
print('restarted', os.environ['SLURM_CPUS_PER_TASK'], flush=True)
with zipfile.ZipFile(output, 'w') as archive:
    archive.writestr('epoch_1/data.pkl', 'x')  # as torch names the first record
"""
RUN = """
import sys
from pathlib import Path
from mmpose_ext.lab.ablation import Job, Plan, Row, Stage, Table, run_plan

root, work, state = map(Path, sys.argv[1:4])
table = Table('t', 'T', 'S', {'AP': 'AP'}, 'AP', {'s': Stage({'d': 'c.py'})}, (Row('r', 's'),))
output = str(work / 'a' / 'epoch_1.pth')
train = Job('train_a', ('python', 'job.py', output, str(state)), (), output, processes=4)
result = str(work / 'a' / 'tests' / 'b' / 'metrics.json')
test = Job('test_b', ('python', 'test.py', result), (output,), result)
plan = Plan(table, 'd', 1, (train, test), {('r', 0): test}, {('s', 0): train})
options = '--executor slurm --slurm-requeue --slurm-no-account --slurm-init-seconds-before-status-checks 2'
resources = '--slurm-status-command squeue --default-resources slurm_partition=low runtime=5 mem_mb=200'
sys.exit(run_plan(plan, work, root, 4, [*options.split(), *resources.split()]))
"""


@pytest.mark.skipif(
    find_spec('snakemake_executor_plugin_slurm') is None, reason='needs snakemake-executor-plugin-slurm'
)
def test_the_runner_submits_jobs_of_several_processes_and_survives_a_preemption(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    for name, text in dict(job=JOB, start=RUN, test="import sys; open(sys.argv[1], 'w').write('{}')").items():
        (tmp_path / f'{name}.py').write_text(text)
    work, state = tmp_path / 'work', tmp_path / 'state'
    command = [sys.executable, '-W', 'ignore', 'start.py', str(tmp_path), str(work), str(state)]
    runner = subprocess.Popen(
        command, cwd=tmp_path, env=slurm, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_for(lambda: state.exists() or runner.poll() is not None)
    more_urgent = ['sbatch', '-p', 'high', '-n1', '-c4', '-o', str(tmp_path / 'high.log'), '--wrap', 'true']
    subprocess.run(more_urgent, env=slurm, check=True, capture_output=True)
    printed, _ = runner.communicate(timeout=240)
    assert runner.returncode == 0 and printed.rstrip().endswith('1 of 1 rows done'), printed[-3000:]
    assert (work / 'a' / 'job.log').read_text().splitlines()[-1] == 'restarted 4'
