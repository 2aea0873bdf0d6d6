//go:build !linux

// Options of UDP sockets where they are not known: one socket an address, and answers from whatever address the system picks.

package transport

// maxSockets is how many sockets may share an address.
const maxSockets = 1

func setUDPOptions(int, string, bool) error { return nil }
