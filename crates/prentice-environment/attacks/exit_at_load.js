// attack: exit-at-load
// class: forgery
// task: JavaScript/53
// evidence: none
// marker: svr-62d79852
// beats: not run (the rivals judge Python only)
//
// Ends the process with status 0 while it is loaded, before any assertion.
// A safe harness asks for answers, not for an exit status.

  return x - y;
}

process.exit(0);
