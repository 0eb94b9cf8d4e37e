"""Train, test and report the tables of configs/*/tables.

python tools/ablation.py list
python tools/ablation.py show dark/decoding
python tools/ablation.py run dark/decoding --data synthetic --seeds 3
python tools/ablation.py run dark/decoding --data synthetic --dry-run
python tools/ablation.py report dark/decoding --data synthetic --seeds 3 --out docs/results
python tools/ablation.py plot dark/decoding rle/distribution --data lspet --out rows.svg
python tools/ablation.py readme
"""

import argparse
import io
import os
import shlex
import signal
import sys
from pathlib import Path

from mmengine.config import DictAction

from mmpose_ext.lab.ablation import (
    commands_text,
    fill_tables,
    find_table,
    list_tables,
    make_plan,
    run_plan,
    table_text,
)

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/ablation'), help='results of all tables')
    actions = parser.add_subparsers(dest='action', required=True)
    actions.add_parser('list', help='names of all tables')
    show = actions.add_parser('show', help='one table: its rows, what they train, what the paper says')
    show.add_argument('table')
    run = actions.add_parser('run', help='train and test what is not done yet')
    run.add_argument('table', help='<method>/<table>, or a yaml file')
    run.add_argument('--data', default='synthetic', help='dataset (default: %(default)s)')
    run.add_argument('--seeds', type=int, default=1, help='trainings of each stage (default: %(default)s)')
    run.add_argument('--jobs', type=int, default=1, help='processes at a time (default: %(default)s)')
    run.add_argument('--gpus', type=int, default=0, help='GPUs that a cluster is asked for, for each process of a job')
    run.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='key=value for every config')
    run.add_argument('--dry-run', action='store_true', help='only print the commands, to be run by hand')
    run.add_argument('--snakemake', nargs=argparse.REMAINDER, default=[], help='last: further options of Snakemake')
    report = actions.add_parser('report', help='pages with the results, the paper, curves and images')
    report.add_argument('tables', nargs='*', metavar='table', help='default: all that have the dataset')
    report.add_argument('--data', default='synthetic', help='dataset (default: %(default)s)')
    report.add_argument('--seeds', type=int, default=1, help='those of the run (default: %(default)s)')
    report.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='those of the run')
    report.add_argument('--out', type=Path, default=Path('docs/results'), help='folder (default: %(default)s)')
    report.add_argument('--no-speed', action='store_true', help='do not measure images/s')
    report.add_argument(
        '--no-images', action='store_true', help='do not draw people, whose photographs may not be shown'
    )
    report.add_argument('--pages-only', action='store_true', help='from the json files of --out, without any run')
    plot = actions.add_parser('plot', help='one drawing of all rows of tables that have been reported')
    plot.add_argument('tables', nargs='+', metavar='table')
    plot.add_argument('--data', default='synthetic', help='dataset (default: %(default)s)')
    plot.add_argument('--results', type=Path, default=Path('docs/results'), help='of report (default: %(default)s)')
    plot.add_argument('--metric', default='PCK/Mean', help='its name in the logs (default: %(default)s)')
    plot.add_argument('--label', help='of the axis (default: the metric)')
    plot.add_argument('--out', type=Path, required=True, help='the drawing, .svg or .png')
    readme = actions.add_parser('readme', help='write the tables of results into the READMEs of configs/*')
    readme.add_argument('--check', action='store_true', help='only tell which READMEs are not up to date')
    return parser.parse_args()


def run(args: argparse.Namespace) -> int:
    plan = make_plan(find_table(args.table), args.data, args.seeds, args.work_dir.resolve(), args.cfg_options)
    if args.dry_run:
        print(commands_text(plan))
        return 0
    return run_plan(plan, args.work_dir.resolve(), ROOT, args.jobs, args.snakemake, args.gpus)


def report(args: argparse.Namespace) -> int:
    from mmpose_ext.lab.ablation.report import (  # with all of MMPose, which the rest does not need
        render_pages,
        report_table,
    )

    names = args.tables or [name for name in list_tables() if args.data in find_table(name).data_sets]
    for name in [] if args.pages_only else names:
        plan = make_plan(find_table(name), args.data, args.seeds, args.work_dir.resolve(), args.cfg_options)
        options = ['--data', args.data, '--seeds', str(args.seeds)]
        if args.cfg_options:
            options += ['--cfg-options', *(f'{key}={value}' for key, value in args.cfg_options.items())]
        drawn = ['--no-images'] if args.no_images else []
        commands = [
            shlex.join(['python', 'tools/ablation.py', action, name, *options, *more])
            for action, more in (('run', []), ('report', drawn))
        ]
        people = 0 if args.no_images else 3
        path = report_table(plan, args.out, ROOT, args.cfg_options, commands, not args.no_speed, people)
        print(path or f'{name}: nothing was run in {args.work_dir}; the earlier results in {args.out} stay', flush=True)
    print(*render_pages(args.out), sep='\n')
    return 0


def plot(args: argparse.Namespace) -> int:
    from mmpose_ext.lab.ablation.report import plot_overview

    plot_overview(args.results, args.tables, args.data, args.metric, args.label or args.metric, args.out)
    print(args.out)
    return 0


def readme(check: bool) -> int:
    outdated = []
    for page in sorted((ROOT / 'configs').glob('*/README.md')):
        text = fill_tables(page, ROOT / 'docs' / 'results', ROOT / 'configs')
        if text != page.read_text(encoding='utf-8'):
            outdated.append(page)
            if not check:
                page.write_text(text, encoding='utf-8')
    print(*outdated, sep='\n', end='\n' if outdated else '')
    return int(bool(outdated) and check)


def main() -> int:
    args = parse_args()
    for stream in (sys.stdout, sys.stderr):  # a name may hold what the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    try:
        if args.action == 'run':
            return run(args)
        if args.action == 'report':
            return report(args)
        if args.action == 'plot':
            return plot(args)
        if args.action == 'readme':
            return readme(args.check)
        print('\n'.join(list_tables()) if args.action == 'list' else table_text(find_table(args.table)))
        sys.stdout.flush()
    except (ValueError, RuntimeError) as error:
        print(f'ablation: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('ablation: interrupted; start again to go on', file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of `| head` has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return 0


if __name__ == '__main__':
    sys.exit(main())
