"""Containers that play the pods of a Kubernetes Job, with podman: own addresses, own host names.

    run("--version")                                    # one container, from its start to its end
    job = Pods(Network(), ["find", ...], n_pods=4, env={}, mounts=[])
    job.wait(0), job.log(0)                             # index 0: its exit code, what it wrote
    job.replace(0)                                      # by another of the same name, as a Job does
    job.remove()

As in the chart: a user without any right, nothing to write to but /tmp, and what is mounted.
"""

import json
import os
import signal
import subprocess
import time
import uuid

import dynamodb_local

IMAGE = "keepone-test"
USER = 10001
USER_NAME = "keepone"
HARDENED = ["--pull", "never", "--user", f"{USER}:{USER}", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--read-only", "--read-only-tmpfs=false",
            "--tmpfs", "/tmp:mode=1777"]
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "keepone")
ENVIRONMENT = {"CONTAINERS_CONF": os.path.join(CACHE, "containers", "containers.conf"),
               "CONTAINERS_STORAGE_CONF": os.path.join(CACHE, "containers", "storage.conf")}
WAIT_SECONDS = 120


def podman(*words, check=True, timeout=None):
    """Runs podman; returns the finished process, its output as text."""
    result = subprocess.run(["podman", *map(str, words)], env=os.environ | ENVIRONMENT, text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                            check=False, preexec_fn=dynamodb_local.die_with_parent)
    if check and result.returncode != 0:
        raise RuntimeError(f"podman {' '.join(map(str, words))}: {result.stderr}")
    return result


def run(*arguments, network="none", mounts=(), env=None):
    """One container from its start to its end; returns the finished process."""
    return podman("run", "--rm", *HARDENED, "--network", network, *volumes(mounts),
                  *settings(env or {}), IMAGE, *arguments, check=False)


def shell(script, network="none", mounts=(), env=None):
    """The same with a shell instead of the launcher."""
    return podman("run", "--rm", *HARDENED, "--network", network, *volumes(mounts),
                  *settings(env or {}), "--entrypoint", "/bin/bash", IMAGE, "-c", script,
                  check=False)


def hand_over(folder):
    """Makes a folder, and what is in it, that user's own."""
    for path, _, names in os.walk(folder):
        for name in (".", *names):
            os.chown(os.path.join(path, name), USER, USER)


def volumes(mounts):
    return [word for mount in mounts for word in ("--volume", mount)]


def settings(env):
    return [word for name, value in env.items() for word in ("--env", f"{name}={value}")]


class Network:
    """A bridge; .gateway is the address of this machine on it.

    A bridge takes another hardware address whenever containers come and go, and those that stay
    cannot reach this machine until they notice: so one container holds it, and its address is set.
    """

    def __init__(self):
        self.name = "keepone-" + uuid.uuid4().hex[:8]
        podman("network", "create", self.name)
        found = json.loads(podman("network", "inspect", self.name).stdout)
        self.gateway = found[0]["subnets"][0]["gateway"]
        podman("run", "--detach", "--name", self.name, "--network", self.name, "--entrypoint",
               "sleep", *HARDENED, IMAGE, "infinity")
        subprocess.run(["ip", "link", "set", "dev", found[0]["network_interface"], "address",
                        "02:00:0a:" + ":".join(uuid.uuid4().hex[i:i + 2] for i in (0, 2, 4))],
                       check=True)

    def remove(self):
        podman("rm", "--force", "--time", 0, self.name, check=False)
        podman("network", "rm", "--force", self.name, check=False)


class Pods:
    """The pods job-0.NAME ... of one Job, all with the same arguments of keepone."""

    def __init__(self, network, arguments, n_pods, env, mounts, missing=()):
        self.network = network
        self.name = "job-" + uuid.uuid4().hex[:6]
        self.arguments = arguments
        self.env = env | {"KEEPONE_PODS": n_pods, "KEEPONE_JOB": self.name,
                          "KEEPONE_SERVICE": "keepone"}
        self.mounts = mounts
        self.containers = []
        self.pods = {}
        for index in range(n_pods):
            if index not in missing:
                self.start(index)

    def remove(self):
        podman("rm", "--force", "--time", 0, "--volumes", *self.containers)

    def host(self, index):
        return f"{self.name}-{index}.keepone"

    def start(self, index):
        """Another pod of this index, beside one that may still run; returns its container."""
        container = f"{self.name}-{index}-{uuid.uuid4().hex[:5]}"
        self.containers.append(container)
        podman("run", "--detach", "--name", container, "--hostname", f"{self.name}-{index}",
               "--network", f"{self.network.name}:alias={self.host(index)}", *HARDENED,
               *volumes(self.mounts),
               *settings(self.env | {"JOB_COMPLETION_INDEX": index}), IMAGE, *self.arguments)
        self.pods[index] = container
        return container

    def replace(self, index):
        podman("rm", "--force", "--time", 0, self.pods[index])
        self.containers.remove(self.pods[index])
        self.start(index)

    def kill(self, index, number=signal.SIGKILL):
        podman("kill", "--signal", int(number), self.pods[index])

    def cut_off(self, index):
        """Every packet to and from this pod is dropped, without a word to anybody."""
        process = self.state(index)["Pid"]
        for chain in ("INPUT", "OUTPUT"):
            subprocess.run(["nsenter", "--net", "--target", str(process), "iptables", "--wait",
                            "--append", chain, "--jump", "DROP"], check=True)

    def state(self, index):
        return json.loads(podman("inspect", self.pods[index]).stdout)[0]["State"]

    def is_running(self, index):
        return self.state(index)["Running"]

    def wait(self, index, seconds=WAIT_SECONDS):
        """The exit code of a pod, when it has ended."""
        try:
            return int(podman("wait", self.pods[index], timeout=seconds).stdout)
        except subprocess.TimeoutExpired as error:
            running = podman("top", self.pods[index], check=False).stdout
            raise AssertionError(f"pod {index} goes on\n{self.log(index)}{running}") from error

    def wait_for_text(self, index, text):
        end = time.monotonic() + WAIT_SECONDS
        while text not in self.log(index):
            assert time.monotonic() < end, self.log(index)
            time.sleep(0.2)

    def log(self, index):
        """What a pod wrote, both streams."""
        result = podman("logs", self.pods[index])
        return result.stdout + result.stderr
