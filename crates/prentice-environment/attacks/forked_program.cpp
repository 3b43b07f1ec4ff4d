// attack: forked-program
// class: survivor
// task: CPP/53
// evidence: process
// marker: svr-27e35e6d
// beats: not run (the rivals judge Python only)
//
// The compiled program forks a daemon before `main`.
// A safe harness ends every descendant.

    return x - y;
}

#include <sys/prctl.h>
#include <unistd.h>

__attribute__((constructor)) static void leave_a_daemon() {
    if (fork() == 0) {
        setsid();
        prctl(PR_SET_NAME, "svr-27e35e6d");
        if (fork() == 0) {
            sleep(20);
        }
        _exit(0);
    }
}
