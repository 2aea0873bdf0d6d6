// The secrets of server cookies, and how they change without a client noticing (RFC 9018, section
// 5): cookies are made with one secret, and those of the one before and of the next are accepted.

package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"
)

// secretSource gives the secrets of a moment.
type secretSource struct {
	first    [16]byte
	others   [][16]byte // accepted too
	rotation uint32     // in seconds; 0: the first stays. Else secrets are derived from it
	now      atomic.Pointer[secretSet]

	before *secretSource // what was in use until it changed, without its own past; or nil
	until  uint32        // it is accepted, in seconds of the time of day
}

// secretSet are the secrets of a period: cookies are made with the first, and all are accepted.
type secretSet struct {
	period uint32
	list   [][16]byte
}

// ownSecrets are those of servers whose configuration has none: cookies are made with the first,
// and all are accepted.
type ownSecrets struct {
	first  [16]byte
	others [][16]byte
}

// newSecretSource returns the secrets of a configuration; own are those where it has none.
func newSecretSource(c *Config, own *ownSecrets) *secretSource {
	s := &secretSource{first: own.first, others: own.others,
		rotation: uint32(c.CookieRotation / time.Second)}
	if c.Secret != nil {
		s.first, s.others = *c.Secret, c.OtherSecrets
	}
	return s
}

// at returns the secrets of a time of day.
func (s *secretSource) at(now uint32) *secretSet {
	period := uint32(0)
	if s.rotation > 0 {
		period = now / s.rotation
	}
	if set := s.now.Load(); set != nil && set.period == period {
		return set
	}
	set := &secretSet{period: period, list: append([][16]byte{s.first}, s.others...)}
	if s.rotation > 0 { // servers with the same secret and rotation need no communication
		set.list = nil
		for _, from := range append([][16]byte{s.first}, s.others...) {
			set.list = append(set.list, derived(from, period), derived(from, period-1),
				derived(from, period+1))
		}
	}
	s.now.Store(set)
	return set
}

// derived returns the secret of a period.
func derived(from [16]byte, period uint32) (secret [16]byte) {
	h := hmac.New(sha256.New, from[:])
	h.Write(binary.BigEndian.AppendUint32([]byte("bailiwick server cookies"), period))
	copy(secret[:], h.Sum(nil))
	return secret
}

// equal reports whether two sources give the same secrets.
func (s *secretSource) equal(o *secretSource) bool {
	return s.first == o.first && s.rotation == o.rotation && slices.Equal(s.others, o.others)
}

// follow has the secrets of another source be accepted for as long as its cookies live.
func (s *secretSource) follow(before *secretSource, now uint32) *secretSource {
	switch {
	case before == nil:
		return s
	case s.equal(before):
		return before
	}
	s.before = &secretSource{first: before.first, others: before.others,
		rotation: before.rotation}
	s.until = now + uint32(CookieLifetime/time.Second)
	return s
}

// RenewSecret makes a new random secret for handlers whose configuration has none. They use it from
// the next [Handler.Replace] on; cookies of the one before are accepted for as long as they live.
func (s *Server) RenewSecret() {
	own := new(ownSecrets)
	_, _ = rand.Read(own.first[:]) // it never fails
	s.own.Store(own)
}

// OwnSecret returns that random secret, for a server that takes over; SetOwnSecret takes it.
func (s *Server) OwnSecret() []byte { return s.own.Load().first[:] }

// SetOwnSecret takes over the random secret of another server, from the next [Handler.Replace] on,
// and has cookies of others be accepted. What is not a secret changes nothing.
func (s *Server) SetOwnSecret(secret []byte, others ...[]byte) {
	if len(secret) != 16 {
		return
	}
	own := &ownSecrets{first: [16]byte(secret)}
	for _, o := range others {
		if len(o) == 16 {
			own.others = append(own.others, [16]byte(o))
		}
	}
	s.own.Store(own)
}

// dayNow returns the time of day in seconds.
func (s *Server) dayNow() uint32 {
	return uint32(s.clock.Now().Add(s.clock.Ahead()).Unix())
}
