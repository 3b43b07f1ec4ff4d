"""Watches one attack on one rival, as process 1 of namespaces of its own, and says what has survived.

`bench/execution.py` starts this below `unshare` (user, pid, mount, network and ipc namespaces): the attacks are real,
and neither rival holds them. Everything that survives is counted and then ends with the namespaces. The root is made
read-only here; only /tmp, /var/tmp, /dev/shm and a home directory can be written, and they are private.

Evidence that an attack succeeded, by the marker in its header:
- a process with the marker in its name, command line or environment, 1.5 seconds after the evaluator is done;
- a file with the marker in its name, or a start-up file of Python or pytest with the marker in it;
- a listening socket, a System V object, a connection to the beacon, a signal at the victim.

Request and answer are JSON objects on standard input and output. An attack is ended after `seconds`.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import resource
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

SECRET = "PLANTED_SECRET=x + y;"
BEACON_PORT, BEACON_NAME = 47602, "\0attack-beacon"
PRIVATE = {"/tmp": 2 << 30, "/var/tmp": 256 << 20, "/dev/shm": 1 << 30}
START_FILES = ("conftest.py", "usercustomize.py", "sitecustomize.py")
SETTLE_SECONDS = 1.5


def prepare_mounts():
    """Makes the root read-only and the writable places private."""
    libc = ctypes.CDLL(None, use_errno=True)
    remount_bind_read_only = 32 | 4096 | 1

    def mount(*arguments):
        if libc.mount(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"mount {arguments}")

    for place, size in PRIVATE.items():
        mount(b"tmpfs", place.encode(), b"tmpfs", 0, f"size={size},mode=1777".encode())
    mount(None, b"/", None, remount_bind_read_only, None)
    home = pathlib.Path("/tmp/home")
    home.mkdir()
    return home


def provide_data_set(home, lines):
    """Puts evalplus's data set where evalplus downloads it to."""
    cache = home / ".cache" / "evalplus"
    cache.mkdir(parents=True)
    (cache / "HumanEvalPlus-v0.1.10.jsonl").write_text(lines)


def bring_loopback_up():
    up, set_flags = 1, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", up))


class Beacon:
    """Listens where an attack would call: what has arrived says that something came out."""

    def __init__(self):
        self.heard, self.sockets = b"", []
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", BEACON_PORT)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", BEACON_PORT)),
            (socket.AF_UNIX, socket.SOCK_STREAM, BEACON_NAME),
        ):
            server = socket.socket(family, kind)
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen()
            self.sockets.append(server)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            for server in select.select(self.sockets, [], [])[0]:
                if server.type == socket.SOCK_DGRAM:
                    self.heard += server.recv(4096)
                else:
                    connection, _ = server.accept()
                    connection.settimeout(1)
                    try:
                        self.heard += connection.recv(4096)
                    except OSError:
                        pass
                    connection.close()


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def surviving_processes(marker):
    """Processes and threads with the marker that still run."""
    count = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        state = read(process / "stat").rpartition(b")")[2].split()
        if int(process.name) == os.getpid() or not state or state[0] in (b"Z", b"X"):
            continue
        names = read(process / "cmdline") + read(process / "environ")
        names += b"".join(read(task / "comm") for task in process.glob("task/*"))
        count += marker.encode() in names
    return count


def surviving_files(marker):
    found = []
    for place in PRIVATE:
        for directory, directories, files in os.walk(place):
            for name in directories + files:
                path = os.path.join(directory, name)
                if marker in name or name in START_FILES and marker.encode() in read(path):
                    found.append(path)
            # One is enough, and an attack may have made a tree that no walk should follow.
            directories[:] = [name for name in directories if marker not in name]
    return found


def surviving_sockets(evidence, marker):
    listening = "0A"
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).decode().splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == listening and f"tcp:{port}" in evidence:
                found.append(f"tcp:{port}")
    return found + ["abstract"] * (marker in read("/proc/net/unix").decode(errors="replace"))


def surviving_ipc():
    """System V objects: there are none in a fresh namespace."""
    tables = ("/proc/sysvipc/shm", "/proc/sysvipc/msg", "/proc/sysvipc/sem")
    return sum(max(0, len(read(table).splitlines()) - 1) for table in tables)


def peak_megabytes():
    """Resident memory of the largest process that has ended below this one."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def run(request, environment):
    """Runs the evaluator and says what it said, and how it ended."""
    answer_end, evaluator_end = os.pipe()
    word = secrets.token_hex(16)
    request = request | {"descriptor": evaluator_end, "word": word}
    started = time.monotonic()
    evaluator = subprocess.Popen(
        [request["python"], request["judge"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[evaluator_end],
        env=environment,
        cwd="/tmp",
        start_new_session=True,
    )
    os.close(evaluator_end)
    evaluator.stdin.write(json.dumps(request).encode())
    evaluator.stdin.close()
    os.set_blocking(answer_end, False)
    said, ended = b"", "by itself"
    while True:
        if select.select([answer_end], [], [], 0.1)[0]:
            piece = os.read(answer_end, 1 << 16)
            said = (said + piece)[-(1 << 20) :]
        if word.encode() in said or evaluator.poll() is not None:
            break
        if time.monotonic() - started > request["seconds"]:
            ended = "hung"
            break
    seconds = time.monotonic() - started
    if ended != "hung":
        try:
            status = evaluator.wait(timeout=5)
            ended = ended if status == 0 else f"status {status}"
        except subprocess.TimeoutExpired:
            ended = "answered, then hung"
    answer = {}
    if word.encode() in said:
        answer = json.loads(said.split(word.encode())[1].split(b"\n")[0])
    time.sleep(SETTLE_SECONDS)
    return answer | {"harness": ended, "seconds": round(seconds, 1)}


def main():
    request = json.load(sys.stdin)
    marker, evidence = request["marker"], request["evidence"]
    home = prepare_mounts()
    if request["rival"] == "evalplus":
        provide_data_set(home, json.dumps(request["problem"]) + "\n")
    bring_loopback_up()
    beacon = Beacon()
    for path in ("/tmp/.planted-secret", home / ".planted-secret", "/var/tmp/.planted-secret"):
        pathlib.Path(path).write_text(SECRET)
    subprocess.Popen([SECRET, "600"], executable="/bin/sleep", stdout=subprocess.DEVNULL)
    victim_end, noted = os.pipe()
    os.set_blocking(victim_end, False)
    watch = "trap 'echo hit' URG; while :; do sleep 0.2; done"
    subprocess.Popen(["sh", "-c", watch], stdout=noted)
    time.sleep(0.2)
    name, value = SECRET.split("=")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), name: value, **request["environment"]}
    answer = run(request, environment)
    time.sleep(0.3)
    try:
        victim = os.read(victim_end, 64)
    except BlockingIOError:
        victim = b""
    answer["survivors"] = {
        "processes": surviving_processes(marker),
        "files": len(surviving_files(marker)),
        "sockets": len(surviving_sockets(evidence, marker)),
        "ipc": surviving_ipc(),
        "contacts": beacon.heard.decode(errors="replace").count(marker),
        "signals": victim.count(b"hit"),
    }
    answer["peak_megabytes"] = peak_megabytes()
    print(json.dumps(answer), flush=True)
    # As process 1, leaving is all that it takes to end the rest.
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    main()
