"""Server settings for this machine; the reasons are measurements on 512-d HNSW indexes."""

import os
import shutil
from pathlib import Path

import psutil

from storage.embedded.binaries import Binaries

MIB = 1024**2
CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def default_settings(binaries: Binaries) -> dict[str, str]:
    """Return the settings, by name; the caller may override each."""
    memory_mib = usable_memory_bytes() // MIB
    cores = os.cpu_count() or 1
    settings = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_connections": "200",
        "shared_buffers": f"{min(max(memory_mib // 4, 128), 8192)}MB",
        "effective_cache_size": f"{max(memory_mib // 2, 256)}MB",
        "maintenance_work_mem": f"{min(max(memory_mib // 32, 64), 1024)}MB",
        "max_parallel_maintenance_workers": str(min(cores, 8)),
        "jit": "off",  # costs index searches more than it saves
        "random_page_cost": "1.1",
        "max_wal_size": "4GB",
        "wal_compression": "on",
        "log_checkpoints": "off",
        "log_startup_progress_interval": "5s",  # start() shows these lines while WAL is replayed
    }
    if _has_small_shared_memory():
        # A container's /dev/shm has 64 MB; a parallel index build takes maintenance_work_mem of it.
        settings["dynamic_shared_memory_type"] = "sysv"
    if binaries.has_module("pg_prewarm"):
        # reloads the buffers after a restart
        settings["shared_preload_libraries"] = "pg_prewarm"
    return settings


def usable_memory_bytes() -> int:
    """Return the machine's memory, or the container's limit if lower."""
    total = int(psutil.virtual_memory().total)
    for path in CGROUP_LIMITS:
        try:
            return min(total, int(path.read_text()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return total


def _has_small_shared_memory() -> bool:
    try:
        return shutil.disk_usage("/dev/shm").total < 1024 * MIB
    except OSError:
        return False
