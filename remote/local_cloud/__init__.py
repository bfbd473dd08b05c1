"""A cloud on one machine that speaks Modal's own protocol.

The unmodified client, CLI and container entrypoint of modal 1.6 run against it, offline. It knows
nothing of training, of events or of the dashboard: it imports no other package of ours. Settings,
all in the environment of the daemon's start:

    LOCAL_CLOUD_STATE             its directory (default: under XDG_STATE_HOME)
    LOCAL_CLOUD_SPARES            how many warm spares it keeps (2)
    LOCAL_CLOUD_TEMPLATES         how many classes it keeps loaded, to fork containers from (0)
    LOCAL_CLOUD_COMMIT_SECONDS    how often volumes are committed in the background (5; 0: never)
    LOCAL_CLOUD_MOUNT_BY          link or environment where bubblewrap is not wanted, see `mount_paths`
    LOCAL_CLOUD_TIME_SCALE        shorter retry delays and graces in a rehearsal (1), see `time_scale`
"""
