"""Measure what importing mmpose_ext adds to importing mmpose."""

import argparse
import subprocess
import sys
from statistics import median

__all__ = ['compare_imports']


def compare_imports(repeats: int = 10, limit: float = 0.05) -> tuple[list[str], bool]:
    """Measure what ``import mmpose_ext`` adds to ``import mmpose``, each in interpreters of its own.

    Args:
        repeats: Number of interpreters for each.
        limit: Seconds that may be added.

    Returns:
        The lines of a report, and whether the added time is below the limit.
    """
    times: dict[str, list[float]] = {'import mmpose': [], 'import mmpose; import mmpose_ext': []}
    for _ in range(repeats):
        for statement, values in times.items():
            code = f'import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)'
            values.append(float(subprocess.run([sys.executable, '-c', code], check=True, capture_output=True).stdout))
    medians = {statement: median(values) for statement, values in times.items()}
    alone, both = medians.values()
    lines = [f'{statement:36s} {1000 * seconds:8.1f} ms' for statement, seconds in medians.items()]
    met = both - alone < limit
    lines.append(
        f'{"added":36s} {1000 * (both - alone):8.1f} ms   below {1000 * limit:.0f} {"met" if met else "MISSED"}'
    )
    return lines, met


def main() -> int:
    """Run the comparison; the exit status is 0 unless ``--check`` is given and it adds 50 ms or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=10, help='interpreters for each (default: %(default)s)')
    parser.add_argument('--check', action='store_true', help='exit with status 1 if 50 ms or more are added')
    arguments = parser.parse_args()
    lines, met = compare_imports(arguments.repeats)
    print('\n'.join(lines))
    return int(arguments.check and not met)


if __name__ == '__main__':
    sys.exit(main())
