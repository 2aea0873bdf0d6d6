// DNS cookies for clients (RFC 7873, RFC 9018).

package server

import (
	"encoding/binary"
	"time"

	"github.com/dchest/siphash"

	"bailiwick/internal/event"
	"bailiwick/wire"
)

// cookieLen is the length of a cookie option's value, in octets: the client cookie, then the server
// cookie, which is version, reserved, timestamp and hash (RFC 9018, section 4).
const (
	clientCookieLen = 8
	cookieLen       = clientCookieLen + 16
)

// readCookie reads a client's cookie and makes the cookie of the response. It returns false if the
// option is malformed: then the response is FORMERR (RFC 7873, section 5.2.2). A query with an
// invalid server cookie is answered as usual, with a new cookie: cookies are not required over UDP.
func (r *request) readCookie(v []byte) bool {
	if len(v) != clientCookieLen && (len(v) < 16 || len(v) > 40) {
		return false
	}
	// The client may send it after a restart, or to another server: it has the time of day (RFC
	// 9018, section 4.3).
	now := uint32(r.now.Add(r.server.clock.Ahead()).Unix())
	age, kind := r.ownCookie(v, now)
	r.server.observe.Cookie(kind)
	r.asked.cookie, r.asked.proven = true, kind == event.CookieValid || kind == event.CookieFormer
	r.asked.unproven = kind == event.CookieInvalid
	if kind == event.CookieValid && age <= CookieLifetime/2 {
		copy(r.cookie[:], v)
		return true
	}
	copy(r.cookie[:], v[:clientCookieLen])
	r.makeCookie(&r.cookie, now, &r.rules.secrets.at(now).list[0])
	return true
}

// wantsCookieAlone reports whether a query asks for a server cookie and for nothing else: it has no
// question, and a cookie option that is well-formed (RFC 7873, section 5.4).
func (r *request) wantsCookieAlone() bool {
	return !r.malformed() && r.q.QDCount == 0 && r.readOptions() && r.asked.cookie
}

// cookieAlone returns the RCODE of the response to a query that asks for a server cookie alone: who
// asks whether one is still valid learns it from that (RFC 7873, section 5.4). BIND 9.18 answers
// NOERROR to all, so that a client would have to compare what it sent.
func (r *request) cookieAlone() wire.RCode {
	if r.asked.unproven {
		return wire.RCodeBadCookie
	}
	return wire.RCodeNoError
}

// ownCookie returns whether a cookie option has a server cookie that we made for this client at
// this address and that is not too old, and its age (RFC 9018, section 4.3).
func (r *request) ownCookie(v []byte, now uint32) (age time.Duration, kind event.CookieKind) {
	switch len(v) {
	case cookieLen:
	case clientCookieLen:
		return 0, event.CookieNew
	default:
		return 0, event.CookieInvalid
	}
	at := binary.BigEndian.Uint32(v[clientCookieLen+4:])
	age = time.Duration(int32(now-at)) * time.Second
	if age < -cookieFuture || age > CookieLifetime {
		return age, event.CookieInvalid
	}
	c := [cookieLen]byte(v)
	for s := r.rules.secrets; s != nil; s = s.before {
		for i, secret := range s.at(now).list {
			if r.makeCookie(&c, at, &secret); string(c[:]) == string(v) {
				if i > 0 || s != r.rules.secrets {
					return age, event.CookieFormer // the client gets one of the current secret
				}
				return age, event.CookieValid
			}
		}
		if now >= s.until {
			break
		}
	}
	return age, event.CookieInvalid
}

// makeCookie writes the server cookie after the client's.
func (r *request) makeCookie(c *[cookieLen]byte, at uint32, secret *[16]byte) {
	binary.BigEndian.PutUint32(c[clientCookieLen:], 1<<24) // version 1, reserved
	binary.BigEndian.PutUint32(c[clientCookieLen+4:], at)
	var in [16 + 16]byte // the fields before the hash, and the longest address
	n := copy(in[:], c[:16])
	if a := r.from.Addr.Addr(); a.Is4() || a.Is4In6() {
		b := a.As4()
		n += copy(in[n:], b[:])
	} else {
		b := a.As16()
		n += copy(in[n:], b[:])
	}
	k0 := binary.LittleEndian.Uint64(secret[:])
	k1 := binary.LittleEndian.Uint64(secret[8:])
	binary.LittleEndian.PutUint64(c[16:], siphash.Hash(k0, k1, in[:n]))
}
