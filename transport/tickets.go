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
// secret change keys together and accept each other's tickets, without communication.
type Tickets struct {
	secret   []byte
	rotation time.Duration
	epoch    int64 // of the keys returned last
}

// minTicketSecret is the minimum length of a secret, in bytes.
const minTicketSecret = 32

// NewTickets returns keys that change every rotation. The file of the secret has at least 32 bytes.
// Without a file the secret is random, and is lost when the server ends.
func NewTickets(c TicketConfig) (*Tickets, error) {
	t := &Tickets{rotation: c.Rotation, epoch: -1}
	if c.Secret == "" {
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

// Keys returns the keys of a time, and whether they differ from those returned last. The first is
// the present key, which new tickets are made with. Then come the keys before and after it, for
// tickets that are a little older, or from a server whose clock is ahead.
func (t *Tickets) Keys(now time.Time) (keys [][32]byte, changed bool) {
	epoch := now.UnixNano() / int64(t.rotation)
	for _, e := range []int64{epoch, epoch - 1, epoch + 1} {
		info := "bailiwick session ticket " + string(binary.BigEndian.AppendUint64(nil, uint64(e)))
		k, err := hkdf.Key(sha256.New, t.secret, nil, info, 32)
		if err != nil { // fails only for lengths that HKDF cannot make
			panic("transport: " + err.Error())
		}
		keys = append(keys, [32]byte(k))
	}
	changed = epoch != t.epoch
	t.epoch = epoch
	return keys, changed
}
