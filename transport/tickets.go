// The keys of TLS session tickets.

package transport

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

// Tickets derives ticket keys from a secret and the time. So all servers of a fleet that share the
// secret change keys together and accept each other's tickets, without communication. It is
// immutable.
type Tickets struct {
	secret   []byte
	others   [][]byte // secrets whose tickets are accepted, too
	own      bool     // the secret is random, and of no file
	rotation time.Duration
}

// minTicketSecret is the minimum length of a secret, in bytes.
const minTicketSecret = 32

// NewTickets returns keys that change every rotation. The file of the secret has at least 32 bytes.
// Without a file the secret is random.
func NewTickets(c TicketConfig) (*Tickets, error) {
	t := &Tickets{rotation: c.Rotation, own: c.Secret == ""}
	if t.own {
		t.secret = make([]byte, minTicketSecret)
		_, err := rand.Read(t.secret)
		return t, err
	}
	b, err := os.ReadFile(c.Secret)
	if err != nil {
		return nil, fmt.Errorf("secret of session tickets: %w", err)
	}
	if len(b) < minTicketSecret {
		return nil, fmt.Errorf("secret of session tickets: %s holds %d octets, at least %d are "+
			"needed", c.Secret, len(b), minTicketSecret)
	}
	t.secret = b
	return t, nil
}

// Own returns the secret of a server that has one for itself, nil if it has another's.
func (t *Tickets) Own() []byte {
	if !t.own {
		return nil
	}
	return t.secret
}

// Others returns the secrets whose tickets are accepted besides.
func (t *Tickets) Others() [][]byte { return t.others }

// Following returns the same with another's own secret in place of a random one, so that the
// sessions of a configuration or of a process that ends are resumed, and those of other secrets.
func (t *Tickets) Following(own []byte, others ...[]byte) *Tickets {
	if !t.own || len(own) < minTicketSecret {
		return t
	}
	return &Tickets{secret: own, others: others, own: true, rotation: t.rotation}
}

// epoch is the number of the key of a time.
func (t *Tickets) epoch(now time.Time) int64 { return now.UnixNano() / int64(t.rotation) }

// keys returns the keys of a time. The first is the present key, which new tickets are made with.
// Then come the keys before and after it, for tickets that are a little older, or from a server
// whose clock is ahead, and the same of other secrets.
func (t *Tickets) keys(now time.Time) (keys [][32]byte) {
	epoch := t.epoch(now)
	for _, secret := range append([][]byte{t.secret}, t.others...) {
		for _, e := range []int64{epoch, epoch - 1, epoch + 1} {
			info := "bailiwick session ticket " +
				string(binary.BigEndian.AppendUint64(nil, uint64(e)))
			k, err := hkdf.Key(sha256.New, secret, nil, info, 32)
			if err != nil { // fails only for lengths that HKDF cannot make
				panic("transport: " + err.Error())
			}
			keys = append(keys, [32]byte(k))
		}
	}
	return keys
}
