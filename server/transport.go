// EDNS options that belong to the transport: padding and keepalive.

package server

import (
	"bailiwick/transport"
	"bailiwick/wire"
)

// padded says that the answer is padded: over encrypted transports, for clients that padded their query (RFC 7830, section 4), and always over QUIC
// (RFC 9250, section 5.4).
func padded(q *wire.Query, from transport.Client) bool {
	if !q.EDNS.Present || !from.Protocol.Encrypted() {
		return false
	}
	_, asked := q.EDNS.Options.Get(wire.OptionPadding)
	return asked || from.Protocol.Pads()
}

// keepaliveLen is a keepalive option.
const keepaliveLen = 6

// appendKeepalive tells a client that asks how long its connection may be idle (RFC 7828, section 3.3.1).
func appendKeepalive(o wire.Options, q *wire.Query, from transport.Client) wire.Options {
	if from.Idle == 0 {
		return o
	}
	if _, asked := q.EDNS.Options.Get(wire.OptionKeepalive); !asked {
		return o
	}
	return append(o, 0, byte(wire.OptionKeepalive), 0, 2, byte(from.Idle>>8), byte(from.Idle))
}
