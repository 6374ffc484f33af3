"""Starts a worker in this folder: `twistd -ny buildbot.tac`. What differs between workers comes from the environment."""

import os

from buildbot_worker.bot import Worker
from twisted.application import service
from twisted.python.log import FileLogObserver, ILogObserver
from twisted.python.logfile import LogFile

basedir = os.path.abspath(os.environ.get("CD_WORKER_DIR", os.path.dirname(__file__)))
with open(os.environ.get("CD_WORKER_PASSWORD", os.path.join(basedir, "password")), encoding="utf-8") as file:
    password = file.read().strip()

application = service.Application("buildbot-worker")
logfile = LogFile.fromFullPath(os.path.join(basedir, "twistd.log"), rotateLength=10_000_000, maxRotatedFiles=10)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)

Worker(
    os.environ.get("CD_MASTER_HOST", "127.0.0.1"),
    int(os.environ.get("CD_PB_PORT", "9989")),
    os.environ["CD_WORKER"],
    password,
    basedir,
    keepalive=600,
    maxdelay=5,
).setServiceParent(application)
