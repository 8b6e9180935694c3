"""What stands between results and a process that dies, a disk that is full, or two processes at once.

`files` writes whole files, `lines` appends to and follows files of JSON lines, `claim` holds a folder for one process,
`cache` shares what is computed, `places` finds folders that may be written, `disk` asks a disk what it can do.
"""
