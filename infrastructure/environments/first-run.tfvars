# On the very first run, and never again: everything but the workload, so that there is a registry to push to.
image = null
