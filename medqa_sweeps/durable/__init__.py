"""Protects results from processes that die, disks that are full, and two processes at once.

`files` writes whole files, `lines` appends to and follows files of JSON lines, `claim` locks a folder for one process,
`cache` shares computed values, `writable_folders` finds folders for caches, `disk` checks what a disk supports,
`progress` shows how far a child process is.
"""
