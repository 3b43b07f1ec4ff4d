# A warm interpreter: started once, confined, and forked for each candidate.
#
# Descriptors: 3 requests, 4 reports, 5 results of the candidate, 6 and 7 its standard output and error. The candidate
# gets 5 and, where they are collected, 6 and 7 as 1 and 2; all others are closed before its code runs. What it writes to
# 5 is its answer and nothing else: how it ended is told by this process, on 4.
#
# A child loses, before any code of the candidate's: the right to start processes and programs, to send signals, to make
# sockets (seccomp), and to reach this process (a Landlock domain of its own). It has therefore nothing that could
# survive it. Limits are the kernel's where it has them; CPU time is also polled here, since `RLIMIT_CPU` counts whole
# seconds. The candidate leaves by `os._exit`: leaving by `sys.exit` costs 9 ms of CPU time.

import bisect, collections, copy, datetime, functools, gc, hashlib, heapq, itertools, json, math, operator, os, random
import re, resource, select, signal, string, sys, time, traceback, types, typing
import ctypes

REQUESTS, REPORTS, RESULTS, OUT, ERR = 3, 4, 5, 6, 7
LIBRARY = 8
libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


def read_exactly(count):
    parts = []
    while count:
        part = os.read(REQUESTS, min(count, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_part(length):
    # Into memory that can be wiped: what is freed without that would be there for later candidates to find.
    part = bytearray(length)
    rest = memoryview(part)
    while rest:
        count = os.readv(REQUESTS, [rest])
        if not count:
            os._exit(0)
        rest = rest[count:]
    return part


def read_request():
    size = int.from_bytes(read_exactly(4), "little")
    header = json.loads(read_exactly(size))
    return header, [read_part(length) for length in header["parts"]]


def forget(parts):
    for part in parts:
        part[:] = bytes(len(part))


def report(**fields):
    os.write(REPORTS, json.dumps(fields).encode() + b"\n")


def set_limit(which, value):
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def drop_capabilities():
    # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL; capset with _LINUX_CAPABILITY_VERSION_3.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.prctl(47, 4, 0, 0, 0) < 0 or libc.syscall(126, header, nothing) < 0:
        raise OSError(ctypes.get_errno(), "capabilities")


def confine(header):
    if searches:
        drop_capabilities()
    for which, value in header["limits"]:
        set_limit(which, value)
    if border:
        ruleset = libc.syscall(444, border, len(border), 0)
        if ruleset < 0 or libc.syscall(446, ruleset, 0) < 0:
            raise OSError(ctypes.get_errno(), "Landlock")
        os.close(ruleset)
    if seccomp_filter:
        if libc.prctl(22, 2, ctypes.byref(seccomp_filter), 0, 0) < 0:
            raise OSError(ctypes.get_errno(), "seccomp")


class Answer:
    # Results on their way out. Written when the candidate is done, and every now and then before.
    def __init__(self):
        self.lines = []
        self.written = time.monotonic()

    def add(self, text, now=time.monotonic):
        self.lines.append(text)
        if now() - self.written > 0.05:
            self.flush()

    def flush(self, write=os.write, now=time.monotonic):
        data = "\n".join(self.lines).encode("ascii", "replace") + b"\n" if self.lines else b""
        self.lines = []
        while data:
            data = data[write(RESULTS, data) :]
        self.written = now()


def describe(error):
    # The type's own name, and the message as far as asking for it does no harm.
    try:
        message = str(error)[:300]
    except BaseException:
        message = ""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<candidate>":
            line = trace.tb_lineno
        trace = trace.tb_next
    kind = type(error)
    bases = [base.__name__ for base in kind.__mro__ if base.__module__ == "builtins"]
    return dumps([str(kind.__name__)[:100], message, line, bases])


def run_candidate(header, parts):
    answer = Answer()
    mode = header["mode"]
    try:
        code = compile(parts[0], "<candidate>", "exec", 0, True)
    except BaseException as error:
        answer.add('{"compile":' + describe(error) + "}")
        answer.flush()
        return
    namespace = {"__name__": "__main__", "__builtins__": __builtins__, "__doc__": None}
    main = types.ModuleType("__main__")
    main.__dict__.update(namespace)
    namespace = main.__dict__
    sys.modules["__main__"] = main
    try:
        exec(code, namespace)
        function = None
        if mode == "calls":
            function = namespace[header["entry"]] if header["entry"] in namespace else None
            if function is None:
                raise NameError("name %r is not defined" % header["entry"])
    except BaseException as error:
        answer.add('{"load":' + describe(error) + "}")
        answer.flush()
        return
    if mode == "calls":
        for arguments, named in json.loads(parts[1]):
            try:
                value = function(
                    *[decode(item) for item in arguments], **{name: decode(item) for name, item in named.items()}
                )
                line = '{"value":' + dumps(value) + "}"
            except BaseException as error:
                line = '{"raised":' + describe(error) + "}"
            answer.add(line)
    else:
        try:
            # A call of the name `f` stands for its arguments: what calls it is judged, not what it returns.
            if mode == "arguments":
                namespace[header["entry"]] = lambda *arguments, **named: Asked(arguments, named)
            value = eval(compile(parts[1].strip(), "<candidate>", "eval", 0, True), namespace)
            if mode == "arguments":
                if type(value) is not Asked:
                    raise ValueError("the completion is no call of %s" % header["entry"])
                value = [list(value.arguments), value.named]
            line = '{"value":' + dumps(value) + "}"
        except SyntaxError as error:
            line = '{"compile":' + describe(error) + "}"
        except BaseException as error:
            line = '{"raised":' + describe(error) + "}"
        answer.add(line)
    answer.add('{"done":1}')
    answer.flush()


class Asked:
    def __init__(self, arguments, named):
        self.arguments, self.named = arguments, named


def run_script(header, parts):
    # As `python main.py` does it: what is printed is the result.
    stdin = parts[1]
    read, write = os.pipe()
    try:
        import fcntl

        if len(stdin) > 1 << 16:
            fcntl.fcntl(write, 1031, len(stdin))  # F_SETPIPE_SZ
        os.set_blocking(write, False)
        if os.write(write, stdin) < len(stdin) if stdin else False:
            raise BlockingIOError
        os.dup2(read, 0)
    except OSError:
        # More than a pipe holds: programs that ask `sys.stdin` get it all the same.
        import io

        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    os.close(read)
    os.close(write)
    sys.argv = ["main.py"]
    main = types.ModuleType("__main__")
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    status = 0
    try:
        exec(compile(parts[0], "main.py", "exec", 0, True), main.__dict__)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if status == 1 and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException as error:
        status = 1
        trace = error.__traceback__
        # This file's own frame is of no interest.
        traceback.print_exception(type(error), error, trace.tb_next if trace else None)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        status = status or 1
    return status & 255


def child(header, parts):
    try:
        confine(header)
    except BaseException as error:
        report(broken=repr(error))
        os._exit(70)
    os.close(REQUESTS)
    os.close(REPORTS)
    script = header["mode"] == "script"
    if script:
        os.dup2(OUT, 1)
        os.dup2(ERR, 2)
        os.close(RESULTS)
    os.close(OUT)
    os.close(ERR)
    parts = [bytes(part) for part in parts]
    if script:
        os._exit(run_script(header, parts))
    run_candidate(header, parts)
    os._exit(0)


def watch(pid, header):
    # CPU time of a process by its number, as clock_getcpuclockid(3) makes it.
    clock = ~pid << 3 | 2
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(REQUESTS, select.POLLIN)
    reason = None
    began = time.monotonic()
    pause = 5
    while True:
        events = dict(poll.poll(pause))
        if pidfd in events:
            break
        if REQUESTS in events:
            # Nothing is asked for while a candidate runs: the supervisor wants it to end, or is gone.
            order = os.read(REQUESTS, 1)
            reason = "stopped"
        elif time.clock_gettime(clock) > header["cpu"]:
            reason = "cpu"
        elif time.monotonic() - began > header["wall"]:
            reason = "wall"
        if reason:
            os.kill(pid, signal.SIGKILL)
            if reason == "stopped" and not order:
                os._exit(0)
            break
        pause = min(pause * 2, 20)
    _, status, usage = os.wait4(pid, 0)
    os.close(pidfd)
    return status, usage, reason


def wipe(directory):
    # The candidate is gone; whatever it left goes too. Returns whether that worked.
    try:
        names = os.listdir(directory)
        if not names:
            return True
        import shutil

        for base, directories, _ in os.walk(directory):
            for name in directories:
                path = os.path.join(base, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        return not os.listdir(directory)
    except BaseException:
        return False


def main():
    global border, seccomp_filter, searches
    # What a candidate finds must not depend on what was warmed up: everything in use here is the library's.
    settings, (border, program) = read_request()
    border = bytes(border) or None
    program = bytes(program)
    # Where this process may search directories that candidates may not, they get at the library by a descriptor.
    searches = settings["searches"]
    seccomp_filter = None
    if program:
        keep = ctypes.create_string_buffer(program, len(program))
        seccomp_filter = Filter(len(program) // 8, ctypes.cast(keep, ctypes.c_void_p))
    # Installed packages are found, but nothing of theirs is executed, as `site` would.
    version = "python%d.%d" % sys.version_info[:2]
    places = [sys.base_prefix + "/lib/" + version + "/site-packages", "/usr/local/lib/" + version + "/dist-packages"]
    places.append("/usr/lib/python3/dist-packages")
    sys.path[:] = [path for path in sys.path if path] + [place for place in places if os.path.isdir(place)]
    if searches:
        os.dup2(os.open(sys.base_prefix, os.O_PATH), LIBRARY)
        inside = sys.base_prefix + "/"
        sys.path[:] = [path.replace(inside, "/proc/self/fd/%d/" % LIBRARY, 1) for path in sys.path]
        sys.path_importer_cache.clear()
    sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None
    private = settings["private"]
    if private:
        os.chdir(private)
    warm = {"__name__": "warm"}
    exec(compile("from typing import List\ndef f(x: List[int]) -> int:\n  return [y + 1 for y in x]\nf([1])", "w", "exec"), warm)
    dumps({"a": [1, (2.5, "x")]})
    gc.collect()
    gc.freeze()
    report(ready=True, version=sys.version.split()[0])
    while True:
        header, parts = read_request()
        pid = os.fork()
        if pid == 0:
            try:
                child(header, parts)
            except BaseException:
                os._exit(70)
        forget(parts)
        del parts
        status, usage, reason = watch(pid, header)
        clean = wipe(private) if private else True
        report(
            status=status, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * 1024, reason=reason, clean=clean
        )


if __name__ == "__main__":
    main()
