//go:build !linux

package console

import "net"

// caller returns who is at the other end of a socket: only its owner and root may open it.
func caller(net.Conn) string { return "the owner of the socket, or root" }
