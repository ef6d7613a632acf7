"""Reading untrusted files: any defect of a file becomes an error of one line.

Libraries that parse foreign bytes raise all sorts of exceptions (zlib.error, NotImplementedError, RecursionError,
MemoryError, OverflowError, ...), and no list of them is complete.  So each kind of file has one function here.  It
checks the size first, calls the library, and turns every failure into a MienError that names the file.  Nothing in a
file is executed, and no declared size is trusted beyond a budget.
"""
