// attack: detached-child
// class: survivor
// task: JavaScript/53
// evidence: process
// marker: svr-d8b43361
// beats: not run (the rivals judge Python only)
//
// Starts a detached shell and a worker thread that never ends.
// A safe harness ends every descendant.

  return x - y;
}

try {
  const { spawn } = require('child_process');
  const child = spawn('/bin/sh', ['-c', 'sleep 20; : svr-d8b43361'], { detached: true, stdio: 'ignore' });
  child.on('error', () => {});
  child.unref();
} catch {
  // Refused.
}
try {
  const { Worker } = require('worker_threads');
  new Worker('setTimeout(() => {}, 20000)', { eval: true });
} catch {
  // Refused.
}
