// DNS cookies towards servers (RFC 7873).

package resolver

import (
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"
)

// clientCookie returns the client cookie for a server (RFC 7873, section 4.1; RFC 9018, section 3).
// It does not reveal who the client is.
func (r *Resolver) clientCookie(a netip.Addr) (c [8]byte) {
	b := a.As16()
	binary.LittleEndian.PutUint64(c[:], siphash.Hash(r.cookieSecret[0], r.cookieSecret[1], b[:]))
	return c
}

func (s *infraCache) setCookie(a netip.Addr, cookie []byte) {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cookie, v.noCookie, v.plainOnly = cookie, inability{}, 0
	s.account(a, v)
}
