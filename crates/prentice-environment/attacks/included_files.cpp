// attack: included-files
// class: leak
// task: CPP/53
// evidence: none
// marker: svr-c0bf7d32
// beats: not run (the rivals judge Python only)
//
// Makes the compiler read for it: private files, and devices that never end.
// A safe harness runs the compiler in a sandbox with limits, too.

    return x - y;
}

#include "/etc/shadow"
#include "/dev/zero"
