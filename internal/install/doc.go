// Package install puts the server on a machine with systemd, on macOS or on Windows, has its
// programs ask it, and undoes that: files are as they were, octet for octet, with their modes,
// owners and links, and network services ask the servers that they asked before.
//
// [Make] returns a [Plan], which says all that would be done, or why it cannot be done; nothing of
// others is overwritten but /etc/resolv.conf, or the DNS servers of network services, which are put
// back. [Plan.Apply] writes down what it is about to change, and what was there, before each step,
// so that [Undo] finds its way back from wherever an installation has ended.
package install
