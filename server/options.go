// EDNS options in queries and responses (RFC 6891).

package server

import (
	"encoding/binary"

	"bailiwick/wire"
)

// optLen is the length of an OPT record without options, and optionLen that of an option without
// its value, in octets.
const (
	optLen    = 11
	optionLen = 4
)

// asked is what the options of a query ask for. Others are ignored (RFC 6891, section 6.1.2): an
// Extended DNS Error in a query (RFC 8914), unknown ones, and a client's subnet (RFC 7871) where
// none is sent to any server.
type asked struct {
	nsid      bool // RFC 5001
	padding   bool // RFC 7830
	keepalive bool // RFC 7828
	cookie    bool // RFC 7873
	proven    bool // the cookie is one that was sent to this address
	unproven  bool // the cookie has a server cookie that is not valid
	ecs       bool // RFC 7871
	subnet    wire.Subnet
	bad       wire.OptionCode // what is malformed
}

// readOptions reads the options of a query; it returns false if the cookie or the subnet is
// malformed. Of several of one kind the first is used (RFC 7873, section 5).
func (r *request) readOptions() bool {
	for code, value := range r.q.EDNS.Options.All() {
		switch code {
		case wire.OptionNSID:
			r.asked.nsid = true
		case wire.OptionPadding:
			r.asked.padding = true
		case wire.OptionKeepalive:
			r.asked.keepalive = true
		case wire.OptionCookie:
			if r.rules.Cookies && !r.asked.cookie && !r.readCookie(value) {
				r.asked.bad = code
				return false
			}
		case wire.OptionECS:
			if !r.readSubnet(value) {
				r.asked.ecs, r.asked.bad = false, code
				return false
			}
		}
	}
	return true
}

// optLen returns the length of the response's OPT record without padding, in octets.
func (r *request) optLen(ede wire.Options) int {
	if !r.q.EDNS.Present {
		return 0
	}
	n := optLen + len(ede)
	if r.asked.cookie {
		n += optionLen + cookieLen
	}
	if r.asked.ecs {
		n += optionLen + r.asked.subnet.Len()
	}
	if r.asked.nsid && len(r.rules.NSID) > 0 {
		n += optionLen + len(r.rules.NSID)
	}
	if r.asked.keepalive && r.from.Idle > 0 {
		n += optionLen + 2
	}
	return n
}

// appendOPT appends the OPT record, if the client sent one (RFC 6891, section 6.1.1).
func (r *request) appendOPT(msg []byte, rc wire.RCode, ede wire.Options) []byte {
	if !r.q.EDNS.Present {
		return msg
	}
	at := len(msg)
	msg = wire.AppendOPT(msg, r.rules.UDPSize, uint8(rc>>4), r.q.EDNS.DO, nil)
	if r.q.EDNS.CO {
		wire.SetCO(msg, at)
	}
	if r.asked.cookie {
		msg = append(appendOption(msg, wire.OptionCookie, cookieLen), r.cookie[:]...)
	}
	if r.asked.nsid && len(r.rules.NSID) > 0 {
		msg = append(appendOption(msg, wire.OptionNSID, len(r.rules.NSID)), r.rules.NSID...)
	}
	if r.asked.keepalive && r.from.Idle > 0 { // RFC 7828, section 3.3.1
		idle := r.from.Idle
		if r.from.Ends {
			idle = 0 // the client closes the connection once it has its answers (section 3.4)
		}
		msg = appendOption(msg, wire.OptionKeepalive, 2)
		msg = binary.BigEndian.AppendUint16(msg, idle)
	}
	msg = r.appendSubnet(msg)
	msg = append(msg, ede...)
	binary.BigEndian.PutUint16(msg[at+optLen-2:], uint16(len(msg)-at-optLen))
	if r.padded() {
		msg = wire.PadOPT(msg, at, PaddingBlock)
	}
	binary.BigEndian.PutUint16(msg[10:], binary.BigEndian.Uint16(msg[10:])+1)
	return msg
}

func appendOption(msg []byte, code wire.OptionCode, n int) []byte {
	return append(msg, byte(code>>8), byte(code), byte(n>>8), byte(n))
}

// padded reports whether the answer is padded: over encrypted transports, for clients that padded
// their query (RFC 7830, section 4), and always over QUIC (RFC 9250, section 5.4).
func (r *request) padded() bool {
	return r.from.Protocol.Encrypted() && (r.asked.padding || r.from.Protocol.Pads())
}
