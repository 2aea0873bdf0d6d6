// TSIG over a stream of messages (RFC 8945, section 5.3.1).

package secondary

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/tsig"
)

// Algorithm returns an algorithm as a [Key] has it, by its name with or without the final dot;
// false if it is not one that is used.
func Algorithm(name string) (string, bool) {
	full, _, ok := tsig.Algorithm(name)
	return full, ok
}

// digest begins an HMAC with the key.
func (k *Key) digest() hash.Hash {
	_, h, _ := tsig.Algorithm(k.Algorithm) // it is one that is used
	return hmac.New(h, k.Secret)
}

// fudge is how far the clocks of the two ends may be apart (RFC 8945, section 10).
const fudge = 300

// errUnsigned and errSignature are the errors of messages whose TSIG is missing, or not right.
var (
	errUnsigned  = errors.New("the reply is not signed with the TSIG key")
	errSignature = errors.New("the TSIG of the reply is not that of the key")
)

// sign packs a query, signed if there is a key. It returns what the reply is verified with.
func sign(m *dns.Msg, k *Key, now time.Time) ([]byte, *verifier, error) {
	if k == nil {
		b, err := m.Pack()
		return b, nil, err
	}
	m.SetTsig(k.Name, k.Algorithm, fudge, now.Unix())
	b, mac, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(k.Secret), "", false)
	if err != nil {
		return nil, nil, err
	}
	request, err := hex.DecodeString(mac)
	if err != nil {
		return nil, nil, err
	}
	v := &verifier{key: k, first: true}
	v.begin(request)
	return b, v, nil
}

// verifier verifies the messages of one reply.
type verifier struct {
	key      *Key
	hash     hash.Hash
	first    bool
	unsigned int // messages since the last TSIG
}

// begin begins a digest with the MAC before it.
func (v *verifier) begin(mac []byte) {
	v.hash = v.key.digest()
	v.hash.Write(binary.BigEndian.AppendUint16(nil, uint16(len(mac))))
	v.hash.Write(mac)
}

// request begins the digest of a request, which has no MAC before it.
func (v *verifier) request() {
	v.hash = v.key.digest()
}

// take takes the next message. A nil verifier takes all.
func (v *verifier) take(raw []byte, m *dns.Msg, now time.Time) error {
	if v == nil {
		return nil
	}
	t := m.IsTsig()
	switch {
	case t == nil && v.first, t == nil && v.unsigned == maxUnsigned:
		return errUnsigned
	case t == nil:
		v.unsigned++
		v.hash.Write(raw)
		return nil
	case t.Error != dns.RcodeSuccess:
		return fmt.Errorf("the server refuses the TSIG key: %s", dns.RcodeToString[int(t.Error)])
	case !strings.EqualFold(t.Hdr.Name, v.key.Name),
		!strings.EqualFold(t.Algorithm, v.key.Algorithm):
		return errSignature
	}
	at, ok := lastRecord(raw)
	mac, err := hex.DecodeString(t.MAC)
	if !ok || err != nil {
		return errSignature
	}
	signed := append([]byte(nil), raw[:at]...)
	binary.BigEndian.PutUint16(signed, t.OrigId)
	binary.BigEndian.PutUint16(signed[10:], binary.BigEndian.Uint16(signed[10:])-1)
	v.hash.Write(signed)
	v.hash.Write(variables(t, v.first))
	// The whole MAC: a truncated one is asked for by nobody (RFC 8945, section 5.2.2.1).
	if !hmac.Equal(v.hash.Sum(nil), mac) {
		return errSignature
	}
	if off := now.Unix() - int64(t.TimeSigned); off > int64(t.Fudge) || -off > int64(t.Fudge) {
		return fmt.Errorf("the TSIG is of another time, %d seconds off: check both clocks", off)
	}
	v.first, v.unsigned = false, 0
	v.begin(mac)
	return nil
}

// end returns an error if the last message was not signed.
func (v *verifier) end() error {
	if v != nil && (v.first || v.unsigned > 0) {
		return errUnsigned
	}
	return nil
}

// variables returns what is signed beside a message: all of the TSIG record, or the timers alone
// for all messages but the first (RFC 8945, sections 4.3.3 and 5.3.1).
func variables(t *dns.TSIG, whole bool) (b []byte) {
	if whole {
		b = append(canonical(t.Hdr.Name), 0, byte(dns.ClassANY), 0, 0, 0, 0)
		b = append(b, canonical(t.Algorithm)...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(t.TimeSigned>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(t.TimeSigned))
	b = binary.BigEndian.AppendUint16(b, t.Fudge)
	if whole {
		b = binary.BigEndian.AppendUint16(b, t.Error)
		other, _ := hex.DecodeString(t.OtherData) // package dns has made it
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(other))), other...)
	}
	return b
}

// canonical returns a name in wire form and lower case.
func canonical(name string) []byte {
	var b [256]byte
	n, err := dns.PackDomainName(strings.ToLower(name), b[:], 0, nil, false)
	if err != nil {
		return nil // package dns has read it, so it is a name
	}
	return b[:n:n]
}

// lastRecord returns where the last record of a message begins.
func lastRecord(m []byte) (at int, ok bool) {
	if len(m) < 12 {
		return 0, false
	}
	at = 12
	for range binary.BigEndian.Uint16(m[4:]) {
		if at, ok = nameEnd(m, at); !ok || at+4 > len(m) {
			return 0, false
		}
		at += 4
	}
	records := int(binary.BigEndian.Uint16(m[6:])) + int(binary.BigEndian.Uint16(m[8:])) +
		int(binary.BigEndian.Uint16(m[10:]))
	last := 0
	for range records {
		last = at
		if at, ok = nameEnd(m, at); !ok || at+10 > len(m) {
			return 0, false
		}
		at += 10 + int(binary.BigEndian.Uint16(m[at+8:]))
	}
	return last, last > 0 && at == len(m)
}

// nameEnd returns the offset after a name.
func nameEnd(m []byte, at int) (int, bool) {
	for at < len(m) {
		switch c := m[at]; {
		case c == 0:
			return at + 1, true
		case c&0xC0 == 0xC0:
			return at + 2, true
		default:
			at += 1 + int(c)
		}
	}
	return 0, false
}
