"""Starts the master in this folder: `twistd -ny buildbot.tac`, or `buildbot start` after `buildbot upgrade-master`."""

import os
import sys

from buildbot.master import BuildMaster
from twisted.application import service
from twisted.python.log import FileLogObserver, ILogObserver
from twisted.python.logfile import LogFile

basedir = os.path.abspath(os.path.dirname(__file__))
configfile = "master.cfg"
umask = None

application = service.Application('buildmaster')  # in these quotes: Buildbot knows a master's folder by them
logfile = LogFile.fromFullPath(os.path.join(basedir, "twistd.log"), rotateLength=10_000_000, maxRotatedFiles=10)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)

m = BuildMaster(basedir, configfile, umask)
m.setServiceParent(application)
m.log_rotation.rotateLength = 10_000_000
m.log_rotation.maxRotatedFiles = 10
