// DNS cookies towards servers (RFC 7873).

package resolver

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"

	"bailiwick/cache"
)

// cookieSecretTime is how long client cookies are made with one secret (RFC 7873, section 7.1):
// they tell nobody for longer that two questions are of the same client. With another one each
// server gives us a new cookie, which costs nothing but one reply that is easier to forge.
const cookieSecretTime = 24 * time.Hour

// clientCookies makes our cookies, one for each server (RFC 7873, section 4.1; RFC 9018, section
// 3). They depend on the network, too: a server that knows us from one network must not recognise
// us in another.
type clientCookies struct {
	now atomic.Pointer[cookieSecret]
}

// cookieSecret is a secret in a network. It is immutable.
type cookieSecret struct {
	secret  [2]uint64
	made    int64  // second at which it was made; 0: none has been used yet
	network string // see SetNetwork
	key     [2]uint64
}

func newClientCookies() *clientCookies {
	c := &clientCookies{}
	c.now.Store(randomSecret().in(""))
	return c
}

// randomSecret returns a new secret.
func randomSecret() *cookieSecret {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return &cookieSecret{secret: [2]uint64{binary.LittleEndian.Uint64(b[:]),
		binary.LittleEndian.Uint64(b[8:])}}
}

// in returns the same secret in a network.
func (s *cookieSecret) in(network string) *cookieSecret {
	n := *s
	n.network = network
	n.key[0], n.key[1] = siphash.Hash128(s.secret[0], s.secret[1], []byte(network))
	return &n
}

// of returns the cookie for a server.
func (c *clientCookies) of(a netip.Addr, now time.Time) (cookie [8]byte) {
	s := c.now.Load()
	for s.made == 0 || now.Unix()-s.made >= int64(cookieSecretTime/time.Second) {
		next := *s // the one of the start begins to count with its first use
		if s.made != 0 {
			next = *randomSecret().in(s.network)
		}
		next.made = max(now.Unix(), 1)
		c.now.CompareAndSwap(s, &next)
		s = c.now.Load()
	}
	b := a.As16()
	binary.LittleEndian.PutUint64(cookie[:], siphash.Hash(s.key[0], s.key[1], b[:]))
	return cookie
}

// setNetwork has cookies be made for a network.
func (c *clientCookies) setNetwork(network string) {
	for s := c.now.Load(); s.network != network; s = c.now.Load() {
		c.now.CompareAndSwap(s, s.in(network))
	}
}

// SetNetwork tells from which network servers are asked: by the addresses that questions leave from
// and whatever else decides about it. In another network servers get other cookies.
func (r *Resolver) SetNetwork(network string) { r.infra.cookies.setNetwork(network) }

// save passes the secret to f.
func (c *clientCookies) save(f func(cache.Record) error) error {
	s := c.now.Load()
	if s.made == 0 {
		return nil // nobody has a cookie
	}
	b := binary.LittleEndian.AppendUint64(nil, s.secret[0])
	b = binary.LittleEndian.AppendUint64(b, s.secret[1])
	return f(cache.Record{Section: sectionCookies, Key: b,
		Value: binary.AppendUvarint(nil, uint64(s.made))})
}

// restore takes over a secret that was saved; it gets no older by that. Whether the network is the
// same shows by the cookies that are made with it: those of servers fit to them or do not.
func (c *clientCookies) restore(rec cache.Record, by int64, now time.Time) bool {
	u := cache.NewUnpacker(rec.Value)
	made := min(u.Int()+by, now.Unix())
	if u.Bad || len(rec.Key) != 16 || made <= 0 {
		return false
	}
	s := cookieSecret{made: made, secret: [2]uint64{binary.LittleEndian.Uint64(rec.Key),
		binary.LittleEndian.Uint64(rec.Key[8:])}}
	for {
		old := c.now.Load()
		if c.now.CompareAndSwap(old, s.in(old.network)) {
			return true
		}
	}
}

// minServerCookie and maxServerCookie are the octets that a server's cookie has (RFC 7873, section
// 4.2).
const minServerCookie, maxServerCookie = 8, 32

// serverCookie is what a server has answered to our cookie. It is of no use with another one of
// ours, and must not be sent with it (RFC 7873, section 5.1). It is immutable.
type serverCookie struct {
	client [8]byte
	server []byte
}

// with returns the server's cookie for ours, nil if there is none.
func (c serverCookie) with(client [8]byte) []byte {
	if c.client != client {
		return nil
	}
	return c.server
}

// setCookie keeps a server's cookie, which came with our own.
func (s *infraCache) setCookie(a netip.Addr, c serverCookie) {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cookie, v.noCookie, v.plainOnly = c, inability{}, 0
	s.account(a, v)
}
