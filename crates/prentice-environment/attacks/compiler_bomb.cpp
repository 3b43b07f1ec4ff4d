// attack: compiler-bomb
// class: resource
// task: CPP/53
// evidence: none
// marker: svr-fbe7ef73
// beats: ?
//
// Templates that instantiate themselves without end: the compiler takes the time and the memory.
// A safe harness runs the compiler under limits.

    return x - y;
}

template <unsigned long level, unsigned long side> struct Tree {
    static const unsigned long size = Tree<level - 1, side * 2>::size + Tree<level - 1, side * 2 + 1>::size;
};
template <unsigned long side> struct Tree<0, side> {
    static const unsigned long size = side;
};
static const unsigned long bomb = Tree<26, 0>::size;
