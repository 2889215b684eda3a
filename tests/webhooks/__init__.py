"""The receiver, the spool, the watcher, and the stream that reads the spool."""
