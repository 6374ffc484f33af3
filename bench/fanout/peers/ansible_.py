# SPDX-License-Identifier: GPL-2.0-only
"""ansible-core: its modules over OpenSSH with ControlPersist, as it comes, with more forks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    order = json.load(sys.stdin)
    hosts = {name: {"ansible_host": address, "root": root} for name, (address, root) in order["hosts"].items()}
    shared = {
        "ansible_user": "root",
        "ansible_port": order["port"],
        "ansible_ssh_private_key_file": order["key"],
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={order['known_hosts']}",
        "ansible_python_interpreter": str(Path(sys.executable).resolve()),
    }
    release = order["release"]
    tasks = {
        "probe": [{"command": "readlink {{ root }}/current", "failed_when": False}],
        "stage": [
            {"file": {"path": "{{ root }}/releases/" + release, "state": "directory"}},
            {"unarchive": {"src": order["tar"], "dest": "{{ root }}/releases/" + release}},
        ],
        "switch": [
            {"file": {"src": "releases/" + release, "dest": "{{ root }}/current", "state": "link", "force": True}}
        ],
    }[order["do"]]
    with tempfile.TemporaryDirectory() as folder:
        inventory, play = Path(folder, "hosts.json"), Path(folder, "play.json")
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": shared}}))
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        settings = {"ANSIBLE_FORKS": str(order["parallel"]), "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_HOME": folder}
        program = Path(sys.executable).with_name("ansible-playbook")
        argv = [str(program), "-i", str(inventory), str(play)]
        # a control socket's name is short by law, and a fresh folder begins without open connections
        environment = {**os.environ, **settings, "ANSIBLE_SSH_CONTROL_PATH_DIR": order["control"]}
        return subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
