// attack: large-object
// class: resource
// task: CPP/53
// evidence: none
// marker: svr-460563c9
// beats: not run (the rivals judge Python only)
//
// An initialised array of 8 GB: the compiler writes it to the object file.
// A safe harness limits the size of files while compiling.

    return x - y;
}

char large[8UL << 30] = {1};
