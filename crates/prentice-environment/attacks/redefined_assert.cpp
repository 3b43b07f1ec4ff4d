// attack: redefined-assert
// class: oracle
// task: CPP/53
// evidence: none
// marker: svr-b458d8e4
// beats: not run (the rivals judge Python only)
//
// Takes the test's `assert` away: the header is included with a guard that keeps the definition out, and `assert` does
// nothing.
// A safe harness compiles the test apart from the candidate, or asks for answers over a pipe.

    return x - y;
}

#include <assert.h>
#include <cstdlib>
#define main                                                                                                           \
    unused();                                                                                                          \
    int main() {                                                                                                       \
        _Exit(0);                                                                                                      \
    }                                                                                                                  \
    int unused
