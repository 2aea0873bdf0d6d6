// Records as the store has them: signed with a secret of the fleet.

package fleet

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"

	"bailiwick/cache"
	"bailiwick/internal/secrets"
	"bailiwick/wire"
)

// A sealed record is
//
//	octets  what
//	1       version: 1
//	4       which secret it is signed with
//	16      HMAC-SHA-256 of all that follows, cut (RFC 2104, section 5)
//	1       how many bits of a client's network it is for: 0, for all clients
//	1, n    the zone whose servers gave it: its length, and the name in wire form
//	rest    the entry, as a saved cache has it: name, type, status, data, when it was stored and
//	        when it ends
//
// What is signed begins with a label and the view, which are not repeated in the record.
const (
	sealVersion = 1
	idLen       = 4
	macLen      = 16
	headLen     = 1 + idLen + macLen
	allClients  = 0
)

// View is what decides how a name is resolved and validated, as a digest: nodes that resolve it
// alike have the same one, and share what they know of it.
type View = [sha256.Size]byte

// Secret is one that a fleet shares.
type Secret struct {
	id     [idLen]byte
	key    []byte // that records are signed with
	octets []byte
}

// NewSecret makes a secret of the operator's octets. What is signed with it is signed with a key
// that is derived, so that the octets can serve other ends too.
func NewSecret(octets []byte) Secret {
	s := Secret{key: sum(octets, "bailiwick fleet records"), octets: octets}
	copy(s.id[:], sum(octets, "bailiwick fleet secret's name"))
	return s
}

// ID returns a name of the secret that tells nothing of it.
func (s *Secret) ID() [idLen]byte { return s.id }

// Key returns a key for another use than records, which is named by a text.
func (s *Secret) Key(use string) []byte { return sum(s.octets, use) }

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// LoadSecrets reads a secret from each line of a file; what follows a # is a comment.
func LoadSecrets(path string) (list []Secret, err error) {
	octets, err := secrets.Read(path, sha256.Size)
	if err != nil {
		return nil, err
	}
	if len(octets) == 0 || len(octets) > maxSecrets {
		return nil, fmt.Errorf("%s holds %d secrets: it takes one or two", path, len(octets))
	}
	for _, o := range octets {
		list = append(list, NewSecret(o))
	}
	return list, nil
}

// mac returns the signature of a body in a view.
func (s *Secret) mac(view *View, body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("record 1\x00"))
	h.Write(view[:])
	h.Write(body)
	return h.Sum(nil)[:macLen]
}

// seal returns an entry as the store gets it.
func (s *Secret) seal(view *View, e *cache.Shared) []byte {
	var b bytes.Buffer
	b.Write([]byte{sealVersion})
	b.Write(s.id[:])
	b.Write(make([]byte, macLen))
	b.Write([]byte{allClients, byte(e.Zone.Len())})
	b.WriteString(e.Zone.Wire())
	_ = e.Record().Write(&b) // a buffer takes all
	sealed := b.Bytes()
	copy(sealed[headLen-macLen:], s.mac(view, sealed[headLen:]))
	return sealed
}

// unseal reads what the store has. Nothing of it is looked at before its signature is verified. It
// returns the reason if it is of no use.
func unseal(secrets []Secret, view *View, k cache.Key, sealed []byte) (*cache.Shared, Outcome) {
	if len(sealed) > maxRecord || len(sealed) < headLen || sealed[0] != sealVersion {
		return nil, Malformed
	}
	body := sealed[headLen:]
	signed := false
	for i := range secrets {
		s := &secrets[i]
		signed = signed || bytes.Equal(sealed[1:1+idLen], s.id[:]) &&
			hmac.Equal(sealed[1+idLen:headLen], s.mac(view, body))
	}
	if !signed {
		return nil, Forged
	}
	if len(body) < 2 || body[0] != allClients || len(body) < 2+int(body[1]) {
		return nil, Malformed
	}
	zone, err := wire.NameFromWire(body[2 : 2+int(body[1])])
	if err != nil {
		return nil, Malformed
	}
	var rec cache.Record
	in := bufio.NewReader(bytes.NewReader(body[2+int(body[1]):]))
	if rec.Read(in) != nil {
		return nil, Malformed
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, Malformed
	}
	e, ok := cache.ParseShared(rec, zone)
	switch {
	case !ok:
		return nil, Malformed
	case e.Key != k:
		return nil, Misplaced
	}
	return e, Found
}
