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

# One process serves every master that is named: whichever lives can build here. Each has its own folder of builds.
default = "{}:{}".format(os.environ.get("CD_MASTER_HOST", "127.0.0.1"), os.environ.get("CD_PB_PORT", "9989"))
masters = os.environ.get("CD_MASTERS", default).split()
for number, master in enumerate(masters):
    host, port = master.rsplit(":", 1)
    folder = basedir if len(masters) == 1 else os.path.join(basedir, "master-{}".format(number + 1))
    os.makedirs(folder, exist_ok=True)
    connection = service.MultiService()  # of its own: all are called the same, which Twisted allows once in a parent
    connection.setServiceParent(application)
    Worker(
        host,
        int(port),
        os.environ["CD_WORKER"],
        password,
        folder,
        keepalive=600,
        maxdelay=5,
    ).setServiceParent(connection)
