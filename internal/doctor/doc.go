// Package doctor finds out whether DNS works on this machine, over which path, and what is wrong.
//
// [Examine] reads what the machine says of itself (resolv.conf, nsswitch.conf, systemd-resolved,
// the sockets of /proc) and asks the servers on the path, those that a configuration forwards to,
// the root's, and an address where no server is. [Judge] turns what was seen into findings, and
// does no I/O. A finding is a row of the one table of [Rules], as those of package check are, with
// what was seen and, where one applies, the cause that the server itself would name.
//
// Nothing that a server on the path says is believed for what it is: the root's keys are compared
// with the trust anchors, and the addresses of the root's servers with the hints.
package doctor
