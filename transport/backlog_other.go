//go:build !linux

package transport

// refuseHandshakes does nothing where the kernel has no filter for a socket.
func refuseHandshakes(listeningSocket) {}
