"""An engine of containers of our own, in a folder beside the sandbox: its processes are not ours."""

import os
import shutil
import subprocess
import sys
import tempfile

from sandbox import Failure

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine")
IMAGE = "localhost/vendor/vitis:3.5"
SLOW = 0.5       # seconds that a compile in a container takes at least: a kill may come
WARM_IDLE_S = 3  # a container is kept for the next compile


class Engine:
    def __init__(self, binaries):
        self.name = "docker" if shutil.which("dockerd", path="/usr/sbin:/usr/bin") else "podman"
        self.program = shutil.which(self.name)
        # its sockets have long names in there
        self.directory = tempfile.mkdtemp(prefix="dpucc-chaos-engine.", dir="/tmp")
        self.binaries = binaries
        self.environment = {"DOUBLE_VAI_C_XIR": "slow", "DOUBLE_VAI_C_XIR_SECONDS": str(SLOW)}
        started = self.script("start")
        self.started = started.returncode == 0
        if not self.started:
            self.stop()
            sys.exit(started.returncode)
        lines = started.stdout.splitlines()
        self.environment.update(line.split("=", 1) for line in lines)

    def script(self, command):
        return subprocess.run([SCRIPT, command, self.name, self.directory], check=False, text=True,
                              env={**os.environ, "DPUCC_BIN_DIR": self.binaries},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def toolchains(self):
        """box: a container for each compile; warm: one for some."""
        box = {"kind": "container", "engine": self.name, "path": self.program, "image": IMAGE,
               "conda": "vitis-ai-wego-torch2",
               "environment": [name for name in self.environment if name.startswith("DOUBLE_")]}
        return {"box": box, "warm": {**box, "warm_idle_s": WARM_IDLE_S}}

    def ask(self, *arguments):
        return subprocess.run([self.program, *arguments], env={**os.environ, **self.environment},
                              check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def containers(self):
        """All of ours, whatever they are at."""
        asked = self.ask("ps", "--all", "--quiet", "--no-trunc", "--filter", "label=dpucc.job")
        if asked.returncode != 0:
            raise Failure(f"{self.name} does not answer: {asked.stderr}")
        return set(asked.stdout.split())

    def stop(self):
        """Whatever happened: nothing of it runs on."""
        left = self.containers() if self.started else None  # else it would ask the machine's own
        if left:
            self.ask("rm", "--force", *left)
        self.script("stop")
        shutil.rmtree(self.directory, ignore_errors=True)
