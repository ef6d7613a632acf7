"""Files that anybody may have written, read so that whatever is wrong with one becomes one line.

A library that parses foreign bytes raises what it likes (zlib.error, NotImplementedError, RecursionError, MemoryError,
OverflowError, ...), and no list of exceptions is ever complete.  So each kind of file has one function here that asks
its size first, lets the library try, and turns every failure into an error of mien that names the file.  Nothing in a
file is executed, and no size that a file declares is believed before it is within a budget.
"""
