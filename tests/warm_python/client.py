"""Stands for an interpreter: asks the server for a process that runs the program, and ends as that process does.

Modules other than torch's launcher and the package's own files, which need none of the imported libraries, run in a
real interpreter, and so does everything that may see a GPU: a process that has forked cannot use CUDA.
"""

import json
import os
import signal
import socket
import sys

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'mmpose_ext')
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def is_for_a_real_interpreter(arguments: list[str]) -> bool:
    rest = list(arguments)
    while rest and rest[0].startswith('-') and rest[0] not in ('-c', '-m'):
        if rest[0] not in ('-W', '-u'):
            return True
        del rest[: 2 if rest[0] == '-W' else 1]
    if not rest or (rest[0] == '-m' and rest[1] != 'torch.distributed.run'):
        return True
    if os.path.exists('/dev/nvidiactl') and os.environ.get('CUDA_VISIBLE_DEVICES') != '':
        return True
    return rest[0].startswith(PACKAGE + os.sep)


def main(address: str, arguments: list[str]) -> int:
    if is_for_a_real_interpreter(arguments):
        os.execv(sys.executable, [sys.executable, *arguments])
    request = json.dumps(dict(arguments=arguments, folder=os.getcwd(), environment=dict(os.environ))).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.connect(address)
        for number in FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, frame: server.send(bytes([number])))
        socket.send_fds(server, [len(request).to_bytes(4, 'little')], [0, 1, 2])
        server.sendall(request)
        answer = server.recv(4)
    if len(answer) < 4:
        print('the server of warm_python has ended', file=sys.stderr)
        return 70
    status = int.from_bytes(answer, 'little', signed=True)
    if status < 0:  # as subprocess says that a signal ended a process
        if -status in FORWARDED:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
