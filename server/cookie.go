// DNS cookies for clients (RFC 7873, RFC 9018).

package server

import (
	"encoding/binary"
	"time"

	"github.com/dchest/siphash"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/transport"
	"bailiwick/wire"
)

// checkCookie reads the client's cookie option. A malformed one is FORMERR (RFC 7873, section 5.2.2); a server cookie that is not ours is answered
// as usual, with a fresh one: over UDP we do not insist.
func (r *request) checkCookie() (wire.RCode, *cause.Failure) {
	v, ok := r.q.EDNS.Options.Get(wire.OptionCookie)
	if !ok || !r.cfg.Cookies {
		return 0, nil
	}
	if len(v) != 8 && (len(v) < 16 || len(v) > 40) {
		return wire.RCodeFormErr, &cause.Failure{Cause: cause.RequestCookie}
	}
	r.cookie = append([]byte(nil), v[:8]...)
	return 0, nil
}

// serverCookie makes ours: version, reserved, timestamp, hash (RFC 9018, section 4). A fresh one that the client sent is kept.
func (r *request) serverCookie(client []byte) []byte {
	// The client brings it back after a restart, or to another server (RFC 9018, section 4.3).
	now := clock.Wall(r.clock)
	if v, ok := r.q.EDNS.Options.Get(wire.OptionCookie); ok && r.ownCookie(v, now, cookieLifetime/2) {
		return v[8:]
	}
	return r.makeCookie(client, uint32(now.Unix()))
}

// ownCookie reports whether a cookie option is whole, with a server cookie that we made for this
// client at this address, no longer ago than oldest (RFC 9018, section 4.3).
func (r *request) ownCookie(v []byte, now time.Time, oldest time.Duration) bool {
	if len(v) != 24 {
		return false
	}
	at := binary.BigEndian.Uint32(v[12:])
	age := int32(uint32(now.Unix()) - at)
	if age < -int32(cookieFuture/time.Second) || age > int32(oldest/time.Second) {
		return false
	}
	return string(r.makeCookie(v[:8], at)) == string(v[8:])
}

func (r *request) makeCookie(client []byte, at uint32) []byte {
	c := append([]byte{1, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, at)...)
	in := append(append([]byte(nil), client...), c...)
	in = append(in, addrBytes(r.from)...)
	k0, k1 := binary.LittleEndian.Uint64(r.cfg.Secret[:]), binary.LittleEndian.Uint64(r.cfg.Secret[8:])
	return binary.LittleEndian.AppendUint64(c, siphash.Hash(k0, k1, in))
}

func addrBytes(c transport.Client) []byte { return c.Addr.Addr().Unmap().AsSlice() }
