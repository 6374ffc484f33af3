# SPDX-License-Identifier: GPL-2.0-only
"""The program that a host may carry itself, as the one command which the deploy worker's key is good for.

It speaks the verb loop and ignores the program that the deploy worker sends. Root and commands are those of its own
configuration: whoever has the key can bring releases and switch them, and run nothing else.
"""

from __future__ import annotations

import json

from buildbot_cd.worker.fleet.loop_text import modules

_TEXT = '''\
#!/usr/bin/env -S python3 -u -I
# SPDX-License-Identifier: GPL-2.0-only
"""cd-host CONFIG: the verbs of buildbot_cd on this host, for authorized_keys:

    command="/usr/local/bin/cd-host /etc/cd-host.json",restrict ssh-ed25519 AAAA...

CONFIG is JSON: root; and what there is of restart, drain, undrain and pull (lists of arguments) and url (health).
"""
import json, sys, types

MODULES = json.loads({modules!r})

for name, text in MODULES:
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(text, name, "exec"), module.__dict__)

if len(sys.argv) != 2:
    sys.exit(__doc__)
with open(sys.argv[1]) as handle:
    own = json.load(handle)
if not str(own.get("root", "")).startswith("/"):
    sys.exit(sys.argv[1] + ": root must be an absolute path")
module.serve(sys.stdin.buffer, sys.stdout.buffer, own)
'''


def host_program() -> str:
    """Its text: Python 3.8 or newer, standard library only."""
    return _TEXT.format(modules=json.dumps(modules()))
