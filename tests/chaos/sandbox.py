"""A daemon with a home of its own, and the ways to ask it and to hurt it."""

import contextlib
import glob
import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

from pace import Pace

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 40  # seconds of a machine at rest (pace.py); whatever takes longer has failed
TIMED_OUT = 124
HOURS = 100000  # seconds: never


class Failure(Exception):
    """An invariant that does not hold."""


def md5(path):
    with open(path, "rb") as file:
        return hashlib.md5(file.read()).hexdigest()


class Sandbox:
    def __init__(self, directory, binaries, engine=None):
        self.directory, self.binaries, self.engine = directory, binaries, engine
        # the loader says nothing that we would see of a preload that is not there
        self.support = os.path.join(os.path.dirname(binaries), "tests", "support")
        self.preloads = [os.path.join(self.support, name) for name in ("fail_disk.so", "shift_clock.so")]
        missing = [path for path in self.preloads if not os.path.exists(path)]
        if missing:
            raise Failure(f"without {missing} nothing fails, and no clock jumps: build all")
        self.home = os.path.join(directory, "home")
        self.cache = os.path.join(self.home, ".cache", "dpucc")
        self.state = os.path.join(self.home, ".local", "state", "dpucc")
        self.run = os.path.join(directory, "run")
        self.socket = os.path.join(self.run, "dpucc", "dpuccd.sock")
        self.disk_switch = os.path.join(directory, "disk-error")
        self.clock_shift = os.path.join(directory, "clock-shift")
        self.log_lock = threading.Lock()
        self.began = time.monotonic()
        self.operations = open(os.path.join(directory, "operations.log"), "w")
        self.pace = Pace(directory)
        self.daemon = None
        self.server = None
        self.troubled = []  # [since, until]: what is asked then may go unanswered
        for path in (self.home, self.run, os.path.join(directory, "tmp")):
            os.makedirs(path, mode=0o700)
        self.port = self.free_port()
        self.shared = os.path.join(directory, "shared")
        os.makedirs(self.shared)
        secret = os.path.join(directory, "secret")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("a secret of this sandbox\n")
        self.remotes = [{"name": "r", "url": f"http://127.0.0.1:{self.port}/", "secret_file": secret,
                         "connect_timeout_ms": 300, "timeout_ms": 3000}]
        self.configure({})

    def log(self, actor, text):
        with self.log_lock:
            self.operations.write(f"{time.monotonic() - self.began:9.3f} {actor}: {text}\n")
            self.operations.flush()

    def wait_for(self, what, condition, seconds=PATIENCE):
        is_late = self.pace.deadline(seconds)
        while True:
            value = condition()
            if value:
                return value
            if is_late():
                raise Failure(f"waited {seconds} s for {what}")
            time.sleep(0.02)

    @staticmethod
    def free_port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def environment(self, **more):
        return {"HOME": self.home, "XDG_RUNTIME_DIR": self.run, "LC_ALL": "C.UTF-8",
                "PATH": f"{self.binaries}:/usr/bin:/bin", "TMPDIR": os.path.join(self.directory, "tmp"),
                **more}

    def configure(self, cache):
        """Replaces the user's configuration; a daemon that runs is told by reload()."""
        text = json.dumps({
            "toolchains": {"container": {"kind": "container", "engine": "docker",
                                         "path": "/nonexistent/docker", "image": "none"},
                           **(self.engine.toolchains() if self.engine else {})},
            "toolchain": "dpucc" if self.engine else "auto",
            "snapshot": "verbatim" if self.engine else "canonical",
            "remotes": self.remotes, "cache": {"min_free_mib": 0, **cache}})
        directory = os.path.join(self.home, ".config", "dpucc")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "new"), "w") as file:
            file.write(text)
        os.rename(os.path.join(directory, "new"), os.path.join(directory, "dpuccd.json"))

    # --- the daemon ----------------------------------------------------------------------------

    def start(self):
        # what is freed is given back, so that what grows is a leak
        sanitizer = "verify_asan_link_order=0:quarantine_size_mb=8:" + os.environ.get("ASAN_OPTIONS", "")
        environment = self.environment(
            LD_PRELOAD=" ".join(self.preloads), ASAN_OPTIONS=sanitizer, SHIFT_CLOCK=self.clock_shift,
            FAIL_DISK_BELOW=self.cache, FAIL_DISK_SWITCH=self.disk_switch,
            **(self.engine.environment if self.engine else {}))
        with open(os.path.join(self.directory, "daemon.log"), "ab") as log:
            self.daemon = subprocess.Popen(["dpuccd"], env=environment, stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log,
                                           executable=os.path.join(self.binaries, "dpuccd"))
        self.wait_for("the daemon to answer", self.is_ready)

    def answers(self):
        return self.client("roots", seconds=5)[0] == 0

    def is_ready(self):
        """False: not yet. What waits for a daemon that ended waits for nothing."""
        return self.answers() or self.expect_alive()

    def expect_alive(self):
        if self.daemon.poll() is not None:
            raise Failure(f"the daemon ended by itself: {self.daemon.returncode}")

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def stop(self):
        """SIGTERM: it drains, and ends well."""
        self.daemon.send_signal(signal.SIGTERM)
        self.wait_for("the daemon to end after SIGTERM", lambda: self.daemon.poll() is not None)
        if self.daemon.returncode != 0:
            raise Failure(f"the daemon ended with {self.daemon.returncode} after SIGTERM; "
                          "daemon.log says why")

    @contextlib.contextmanager
    def trouble(self):
        """What is asked meanwhile may go unanswered."""
        span = [time.monotonic(), float("inf")]
        self.troubled.append(span)
        yield
        span[1] = time.monotonic()

    def is_troubled(self, since, until):
        return any(a <= until and b >= since for a, b in self.troubled)

    # --- the client ----------------------------------------------------------------------------

    def client(self, *arguments, seconds=PATIENCE, **environment):
        """(exit status, stdout, stderr)"""
        is_late = self.pace.deadline(seconds)
        command = [os.path.join(self.binaries, "dpucc-client"), "--timeout", str(HOURS)]  # ours counts
        with subprocess.Popen([*command, *arguments],
                              env=self.environment(**environment), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
            while True:
                try:
                    output, said = client.communicate(timeout=1)
                    return client.returncode, output.strip(), said.strip()
                except subprocess.TimeoutExpired:
                    if is_late():
                        client.kill()
                        client.communicate()
                        return TIMED_OUT, "", f"waited {seconds} s"

    def ask(self, *arguments):
        status, output, said = self.client("--json", *arguments)
        if status != 0:
            raise Failure(f"dpucc-client {' '.join(arguments)}: {status}: {said}")
        return json.loads(output)

    def statistics(self):
        status, output, said = self.client("stats")
        if status != 0:
            raise Failure(f"stats: {status}: {said}")
        lines = (line.split() for line in output.splitlines())
        return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}

    # --- the remote cache ----------------------------------------------------------------------

    def serve(self, behaviour):
        """Another server on the port, or none."""
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server = None
        if behaviour is None:
            return
        arguments = behaviour.split()
        if arguments[0] not in ("silent", "status", "endless"):
            arguments.append(self.shared)
        with open(os.path.join(self.directory, "server.log"), "ab") as log:
            self.server = subprocess.Popen(
                ["/usr/bin/python3", os.path.join(SOURCE, "tests/support/double-server.py"),
                 str(self.port), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def examine(self):
        """For whoever looks into a failure: what the daemon is at, in daemon.at."""
        with open(os.path.join(self.directory, "daemon.at"), "w") as file:
            for path in sorted(glob.glob(f"/proc/{self.daemon.pid}/task/*/*")):
                if os.path.basename(path) in ("wchan", "syscall"):
                    with contextlib.suppress(OSError), open(path) as of:
                        file.write(f"{path} {of.read().strip()}\n")
            for pid in self.processes():
                with contextlib.suppress(OSError):
                    with open(f"/proc/{pid}/cmdline") as of:
                        file.write(f"{pid} {of.read()}\n".replace("\0", " "))
            for command in (["status"], ["stats"]):
                file.write("\n".join(str(part) for part in self.client(*command, seconds=5)) + "\n")

    def is_cached(self, path):
        """Not a copy, and not what the cache could not take."""
        return path.startswith(os.path.join(self.cache, "views") + "/")

    # --- what it holds -------------------------------------------------------------------------

    def processes(self):
        """Everything that runs in, or was started for, this sandbox, but the driver's own."""
        found = []
        own = {os.getpid(), self.server.pid if self.server else 0}
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) in own:
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    text = file.read()
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    text += file.read()
                text += os.readlink(f"/proc/{name}/cwd").encode()
            except OSError:
                continue
            if self.directory.encode() in text:
                found.append(int(name))
        return found

    def children(self):
        """What the daemon has started and not seen the end of: names, with the state of each."""
        found = []
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children") as file:
            pids = file.read().split()
        for pid in pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
                found.append((name, rest.split()[0]))
        return found

    def usage(self):
        """Descriptors and resident memory (MiB) of the daemon."""
        with open(f"/proc/{self.daemon.pid}/status") as file:
            memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd")), memory // 1024

    def litter(self):
        """Temporary files, and what is left of jobs."""
        found = []
        for top, folders, names in os.walk(self.directory):
            found += [os.path.join(top, name) for name in folders + names
                      if name.startswith(".dpucc.") and name.endswith(".tmp")]
            if top in (os.path.join(self.cache, "jobs"), os.path.join(self.directory, "tmp")):
                found += [os.path.join(top, name) for name in folders + names]
        return found
