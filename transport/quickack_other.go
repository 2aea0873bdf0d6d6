//go:build !linux

package transport

import "net"

// quickAck does nothing: other systems lack the option.
func quickAck(net.Conn) {}
