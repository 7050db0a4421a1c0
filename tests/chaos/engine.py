"""An engine of containers of our own, in a folder beside the sandbox: its processes are not ours."""

import os
import shutil
import subprocess
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
        self.directory = tempfile.mkdtemp(prefix="dpucc-chaos-engine.")
        self.binaries = binaries
        self.environment = {"DOUBLE_VAI_C_XIR": "slow", "DOUBLE_VAI_C_XIR_SECONDS": str(SLOW)}
        lines = self.script("start").stdout.splitlines()
        self.environment.update(line.split("=", 1) for line in lines)

    def script(self, command):
        with open(os.path.join(self.directory, "engine.log"), "ab") as log:
            return subprocess.run([SCRIPT, command, self.name, self.directory], check=True, text=True,
                                  env={**os.environ, "DPUCC_BIN_DIR": self.binaries},
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)

    def toolchains(self):
        """box: a container for each compile; warm: one for some."""
        box = {"kind": "container", "engine": self.name, "path": self.program, "image": IMAGE,
               "conda": "vitis-ai-wego-torch2",
               "environment": [name for name in self.environment if name.startswith("DOUBLE_")]}
        return {"box": box, "warm": {**box, "warm_idle_s": WARM_IDLE_S}}

    def containers(self):
        """All of ours, whatever they are at."""
        asked = subprocess.run([self.program, "ps", "--all", "--quiet", "--no-trunc",
                                "--filter", "label=dpucc.job"], env={**os.environ, **self.environment},
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if asked.returncode != 0:
            raise Failure(f"{self.name} does not answer: {asked.stderr}")
        return set(asked.stdout.split())

    def stop(self):
        self.script("stop")
        shutil.rmtree(self.directory, ignore_errors=True)
